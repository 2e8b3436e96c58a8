import type { MiddlewareObj } from "@middy/core";

/**
 * Subsegments of an invocation for X-Ray, where POWERTOOLS_TRACE_ENABLED is "true". They are not the default: with the
 * tracer loaded, every await costs ten times as much, as it follows them all by async hooks. Lambda itself traces
 * invocations without it.
 */
export async function tracing(): Promise<MiddlewareObj[]> {
  if (process.env["POWERTOOLS_TRACE_ENABLED"] !== "true") return [];
  const { traceHandler } = await import("./tracer.ts");
  return [traceHandler()];
}
