/**
 * Lambda's Node runtime for one local process: loads the handler that _HANDLER names in LAMBDA_TASK_ROOT (an ES or
 * CommonJS module), then asks the Runtime API at AWS_LAMBDA_RUNTIME_API for work until that goes away.
 */
import { describeError, loadHandler } from "./handler.ts";
import { invoke } from "./invoke.ts";
import { type Invocation, nextInvocation, report } from "./runtime-api.ts";

let current: string | undefined;

async function main(): Promise<never> {
  const handler = await loadHandler(
    process.env["LAMBDA_TASK_ROOT"] ?? "",
    process.env["_HANDLER"] ?? "",
  ).catch(failInit);
  for (;;) await serve(handler, await nextInvocation().catch(leave));
}

async function serve(handler: Awaited<ReturnType<typeof loadHandler>>, next: Invocation): Promise<void> {
  current = next.requestId;
  process.env["_X_AMZN_TRACE_ID"] = next.traceId;
  try {
    const result = await invoke(handler, next);
    await report(`invocation/${current}/response`, JSON.stringify(result ?? null)).catch(leave);
  } catch (error) {
    const described = describeError(error);
    console.error(
      `${new Date().toISOString()}\t${current}\tERROR\tInvoke Error\t${JSON.stringify(described)}`,
    );
    await report(`invocation/${current}/error`, JSON.stringify(described)).catch(leave);
  }
  current = undefined;
}

async function failInit(error: unknown): Promise<never> {
  console.error(error);
  await report("init/error", JSON.stringify(describeError(error))).catch(leave);
  process.exit(1);
}

// Without its API there is nobody to work for.
function leave(): never {
  process.exit(0);
}

async function fail(errorType: string, error: unknown): Promise<never> {
  console.error(errorType, error);
  if (current !== undefined) {
    const body = JSON.stringify({ ...describeError(error), errorType });
    await report(`invocation/${current}/error`, body).catch(leave);
  }
  process.exit(128);
}

process.on("uncaughtException", (error) => void fail("Runtime.UnhandledException", error));
process.on("unhandledRejection", (error) => void fail("Runtime.UnhandledPromiseRejection", error));

await main();
