import { Tracer } from "@aws-lambda-powertools/tracer";
import { captureLambdaHandler } from "@aws-lambda-powertools/tracer/middleware";
import type { MiddlewareObj } from "@middy/core";

/** Tells X-Ray of an invocation, without what it returns. */
export function traceHandler(): MiddlewareObj {
  return captureLambdaHandler(new Tracer(), { captureResponse: false });
}
