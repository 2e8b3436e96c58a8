import { Metrics } from "@aws-lambda-powertools/metrics";
import { createLogger } from "../runtime/logger.ts";
import { meterBy } from "../runtime/metrics.ts";
import { Redaction } from "../runtime/redaction.ts";

// What a function writes: a line of two levels, and a metric.
const logger = createLogger(new Redaction());
logger.info("told");
logger.error("wrong");
const metrics = new Metrics({ namespace: "n", serviceName: "s" });
meterBy(metrics).gauge("LockAgeSeconds", 5);
metrics.publishStoredMetrics();
