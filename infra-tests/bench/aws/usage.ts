import { requestCounts, resetRequestCounts } from "../../harness/localstack/index.ts";
import { waitUntil } from "../../harness/wait.ts";
import type { Bed } from "./bed.ts";
import type { Usage } from "./cost.ts";
import type { Metered } from "./meter.ts";
import { functionLog, type FunctionLog, gigabyteSeconds } from "./reports.ts";

const OBJECT_WRITES =
  "PutObject CopyObject CreateMultipartUpload UploadPart CompleteMultipartUpload ListObjectsV2".split(" ");
const OBJECT_READS = "GetObject HeadObject".split(" ");
const SENDS = ["SendMessage", "SendMessageBatch"];
const VISIBILITY = ["ChangeMessageVisibility", "ChangeMessageVisibilityBatch"];

/** What a migration used of AWS, and how much of the time went to the emulator. */
export interface ServiceUsage {
  usage: Usage;
  /** Messages handled, the command that started the run among them. */
  messages: number;
  /** Invocations of the functions that work on runs, added up. Milliseconds. */
  functionMs: number;
  /** Of DynamoDB, by these functions. */
  table: Metered;
}

/** Measures what the deployed stack uses while `body` runs, and until its functions have come to rest. */
export async function measureUsage<T>(
  bed: Bed,
  body: () => Promise<T>,
): Promise<{ used: ServiceUsage; result: T }> {
  await resetRequestCounts(bed.localStack);
  bed.meter.reset();
  const startedAt = Date.now();
  const result = await body();
  const logs = await atRest(bed, startedAt);
  const counts = await requestCounts(bed.localStack);
  return { result, used: usageOf(counts, logs, tableUse(bed.meter.metered.values())) };
}

/** The logs since a time, once every invocation has reported. */
async function atRest({ localStack, workers }: Bed, since: number): Promise<FunctionLog[]> {
  let [quiet, last] = [0, -1];
  return waitUntil(
    { what: "all invocations have reported", timeoutMs: 60_000, intervalMs: 500 },
    async () => {
      const counts = await requestCounts(localStack);
      const invoked = workers.filter(({ name }) => counts[`lambda.Invoke:${name}`] !== undefined);
      const started = invoked.reduce((sum, { name }) => sum + (counts[`lambda.Invoke:${name}`] ?? 0), 0);
      const logs = await Promise.all(invoked.map(({ logGroup }) => functionLog(localStack, logGroup, since)));
      const reported = logs.reduce((sum, { invocations }) => sum + invocations.length, 0);
      quiet = started === last && reported >= started ? quiet + 1 : 0;
      last = started;
      return quiet >= 2 && logs;
    },
  );
}

/** What counted requests and logs come to. */
export function usageOf(
  counts: Readonly<Record<string, number>>,
  logs: readonly FunctionLog[],
  table: Metered,
): ServiceUsage {
  const of = (service: string, operations: readonly string[]): number =>
    operations.reduce((sum, operation) => sum + (counts[`${service}.${operation}`] ?? 0), 0);
  const invocations = logs.flatMap((log) => log.invocations);
  const messages = invocations.length;
  const usage: Usage = {
    writeUnits: table.writeUnits,
    readUnits: table.readUnits,
    invocations: messages,
    gigabyteSeconds: gigabyteSeconds(invocations),
    // Lambda receives and deletes each message by itself, and one rule of the bus sends the command.
    queueRequests: of("sqs", SENDS) + of("sqs", VISIBILITY) + 2 * messages + 1,
    events: of("events", ["PutEvents#items"]),
    schedules: of("scheduler", ["CreateSchedule"]),
    objectWrites: of("s3", OBJECT_WRITES),
    objectReads: of("s3", OBJECT_READS),
    secretReads: of("secretsmanager", ["GetSecretValue"]),
    logGigabytes: logs.reduce((sum, { bytes }) => sum + bytes, 0) / 1024 ** 3,
    traces: messages,
  };
  const functionMs = invocations.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return { usage, messages, functionMs, table };
}

function tableUse(metered: Iterable<Metered>): Metered {
  return [...metered].reduce(
    (sum, one) => ({
      requests: sum.requests + one.requests,
      writeUnits: sum.writeUnits + one.writeUnits,
      readUnits: sum.readUnits + one.readUnits,
      ms: sum.ms + one.ms,
    }),
    { requests: 0, writeUnits: 0, readUnits: 0, ms: 0 },
  );
}
