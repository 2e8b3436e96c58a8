import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import { Metrics } from "@aws-lambda-powertools/metrics";
import { logMetrics } from "@aws-lambda-powertools/metrics/middleware";
import middy from "@middy/core";
import type { Context } from "aws-lambda";
import { createLogger, logBy } from "./logger.ts";
import { meterBy } from "./metrics.ts";
import type { Observers } from "./ports.ts";
import { Redaction } from "./redaction.ts";
import { tracing } from "./tracing.ts";

/** A handler as Lambda calls it. */
export type Handler<Event, Result> = (event: Event, context: Context) => Promise<Result>;

/**
 * Makes the handler that Lambda calls: log lines carry the request's id, metrics are published at its end, and what it
 * throws has no secrets in it.
 */
export async function entryPoint<Event, Result>(
  build: (observers: Observers) => Handler<Event, Result>,
): Promise<Handler<Event, Result>> {
  const redaction = new Redaction();
  const logger = createLogger(redaction);
  const metrics = new Metrics();
  const handler = build({
    log: logBy(logger),
    meter: meterBy(metrics),
    learn: (values, owner) => {
      redaction.learn(values, owner);
    },
    forget: (owner) => {
      redaction.forget(owner);
    },
    redact: (text) => redaction.text(text),
  });
  return middy<Event, Result>()
    .use(injectLambdaContext(logger, { resetKeys: true }))
    .use(logMetrics(metrics))
    .use(await tracing())
    .use({
      onError: (request) => {
        const error = redaction.error(request.error);
        request.error = error;
        logger.error("the invocation failed", error);
      },
    })
    .handler((event: Event, context: Context) => handler(event, context)) as Handler<Event, Result>;
}
