import { z } from "zod";
import type { LocalStack } from "../../harness/localstack/index.ts";
import { askLocalStack } from "../../rig/emulated-api.ts";

const PAGE = 10_000;
const REPORT =
  /^REPORT RequestId: \S+\tDuration: ([\d.]+) ms\tBilled Duration: (\d+) ms\tMemory Size: (\d+) MB/;

const Logged = z.object({
  events: z.array(z.object({ message: z.string() })),
  nextToken: z.string().optional(),
});

/** One invocation, as Lambda reports it. */
export interface Invocation {
  durationMs: number;
  billedMs: number;
  memoryMb: number;
}

/** What a function wrote to its log. */
export interface FunctionLog {
  invocations: Invocation[];
  bytes: number;
}

/** What a function has logged since a time (milliseconds since the epoch). */
export async function functionLog(
  localStack: LocalStack,
  logGroupName: string,
  startTime: number,
): Promise<FunctionLog> {
  const lines: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await filterLogEvents(localStack, {
      ...{ logGroupName, startTime, limit: PAGE },
      ...(nextToken === undefined ? {} : { nextToken }),
    });
    lines.push(...page.events.map(({ message }) => message));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return {
    invocations: lines.flatMap((line) => parseReport(line) ?? []),
    bytes: lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0),
  };
}

async function filterLogEvents(localStack: LocalStack, body: object): Promise<z.infer<typeof Logged>> {
  const headers = {
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": "Logs_20140328.FilterLogEvents",
  };
  return Logged.parse(await askLocalStack(localStack, "logs", { method: "POST", path: "/", headers, body }));
}

/** The invocation that a line of a function's log reports; undefined for any other line. */
export function parseReport(line: string): Invocation | undefined {
  const [, duration, billed, memory] = REPORT.exec(line) ?? [];
  if (duration === undefined) return undefined;
  return { durationMs: Number(duration), billedMs: Number(billed), memoryMb: Number(memory) };
}

/** What invocations are billed for: memory times duration. */
export function gigabyteSeconds(invocations: readonly Invocation[]): number {
  return invocations.reduce((sum, { billedMs, memoryMb }) => sum + (billedMs / 1000) * (memoryMb / 1024), 0);
}
