import { z } from "zod";
import type { LocalStack } from "./index.ts";

const processes = z.array(z.object({ functionName: z.string(), pid: z.int(), busy: z.boolean() }));
const counts = z.record(z.string(), z.int());

/** A process that runs a Lambda environment; kill it by its id to see what a crash does. */
export type LambdaProcess = z.infer<typeof processes>[number];

/** The Lambda environments that run now as processes of this machine (LocalStack of origin "host" only). */
export async function lambdaProcesses(localStack: LocalStack): Promise<LambdaProcess[]> {
  return processes.parse(await control(localStack, "GET", "lambda"));
}

/**
 * How often each "service.Operation" was called from outside LocalStack, by functions as well. The entries of requests
 * that carry several are counted as "service.Operation#items", every invocation however caused as "lambda.Invoke" and
 * as "lambda.Invoke:function".
 */
export async function requestCounts(localStack: LocalStack): Promise<Record<string, number>> {
  return counts.parse(await control(localStack, "GET", "requests"));
}

/** Starts counting requests afresh. */
export async function resetRequestCounts(localStack: LocalStack): Promise<void> {
  await control(localStack, "DELETE", "requests");
}

async function control(localStack: LocalStack, method: string, path: string): Promise<unknown> {
  const response = await fetch(`${localStack.endpoint}/_calico/${path}`, {
    method,
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`${method} /_calico/${path}: LocalStack answered ${response.status}`);
  return response.json();
}
