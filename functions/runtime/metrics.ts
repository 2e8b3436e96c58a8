import { type Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { Counter, Gauge, Meter } from "./ports.ts";

const UNITS: Readonly<Record<Gauge, (typeof MetricUnit)[keyof typeof MetricUnit]>> = {
  LockAgeSeconds: MetricUnit.Seconds,
  StalledRuns: MetricUnit.Count,
};

/** Metrics in CloudWatch's embedded format, with the service as their only dimension. */
export function meterBy(metrics: Metrics): Meter {
  return {
    count: (counter: Counter) => {
      metrics.addMetric(counter, MetricUnit.Count, 1);
    },
    gauge: (gauge: Gauge, value: number) => {
      metrics.addMetric(gauge, UNITS[gauge], value);
    },
  };
}
