import { once } from "node:events";
import type { Handler } from "./handler.ts";
import type { Invocation } from "./runtime-api.ts";

/** Calls the handler once, however it answers: by a promise, by its return value, or by its callback. */
export async function invoke(handler: Handler, invocation: Invocation): Promise<unknown> {
  const context = contextOf(invocation);
  const called = Promise.withResolvers<unknown>();
  const callback = (error: unknown, result?: unknown) => {
    if (error === null || error === undefined) called.resolve(result);
    else called.reject(error);
  };
  const returned = handler(JSON.parse(invocation.payload), context, callback);
  if (returned instanceof Promise) return await (returned as Promise<unknown>);
  if (handler.length < 3) return returned;
  const result = await called.promise;
  if (context.callbackWaitsForEmptyEventLoop) await once(process, "beforeExit");
  return result;
}

function contextOf({ requestId, deadlineMs, functionArn }: Invocation) {
  const env = process.env;
  return {
    functionName: env["AWS_LAMBDA_FUNCTION_NAME"],
    functionVersion: env["AWS_LAMBDA_FUNCTION_VERSION"],
    invokedFunctionArn: functionArn,
    memoryLimitInMB: env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
    awsRequestId: requestId,
    logGroupName: env["AWS_LAMBDA_LOG_GROUP_NAME"],
    logStreamName: env["AWS_LAMBDA_LOG_STREAM_NAME"],
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
}
