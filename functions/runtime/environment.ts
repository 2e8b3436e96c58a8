import { z } from "zod";
import { MigratorError } from "../../shared/errors.ts";

/** Environment variables as a process has them. */
export type Variables = Readonly<Record<string, string | undefined>>;

const text = z.string().min(1);
const queueUrl = z.url({ protocol: /^https?$/ });
const arn = z.string().regex(/^arn:[^:]+:[^:]+:/, "is not an ARN");
const bool = z.enum(["true", "false"]).transform((word) => word === "true");
const list = z.string().transform((words) =>
  words
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== ""),
);

/** A whole number between two bounds, written in digits. */
function whole(from: number, to: number): z.ZodType<number> {
  return z.string().regex(/^\d+$/, "is not a whole number").transform(Number).pipe(z.int().min(from).max(to));
}

const Table = z.object({
  TABLE_NAME: text,
  /** For how long what is left of an ended run is kept. */
  HISTORY_DAYS: whole(1, 3650),
  LEASE_TTL_MS: whole(1_000, 900_000),
});

const Queues = z.object({
  RUNS_QUEUE_URL: queueUrl,
  BATCHES_QUEUE_URL: queueUrl,
  ROLLBACKS_QUEUE_URL: queueUrl,
});

const Worker = z.object({
  ...Table.shape,
  ...Queues.shape,
  ARTIFACT_BUCKET: text,
  /** The secret of a cluster is this with the cluster's name. */
  CLUSTER_SECRET_PREFIX: text,
  HOP_BUDGET: whole(1, 1_000_000),
  MESSAGE_VISIBILITY_MS: whole(3_000, 43_200_000),
  CLUSTER_CONCURRENCY: whole(1, 1_000),
  /** Suffixes of the hosts that API servers may have; any without it. */
  ALLOWED_SERVERS: list.optional(),
  /** For tests, whose API servers are on the same machine. */
  ALLOW_LOOPBACK_SERVERS: bool.optional(),
});

/** What `batch` reads: it sends no events and no message that waits for long. */
export const BatchEnvironment = Worker;
export type BatchEnvironment = z.infer<typeof BatchEnvironment>;

/** What `rollback` reads. */
export const RollbackEnvironment = z.object({
  ...Worker.shape,
  EVENT_BUS_NAME: text,
  RUNS_QUEUE_ARN: arn,
  ROLLBACKS_QUEUE_ARN: arn,
  SCHEDULE_GROUP_NAME: text,
  SCHEDULE_ROLE_ARN: arn,
  /** For so long after a run's end an alarm may have it rolled back. */
  ROLLBACK_WITHIN_MINUTES: whole(1, 43_200),
});
export type RollbackEnvironment = z.infer<typeof RollbackEnvironment>;

/** What `run` reads. */
export const RunEnvironment = z.object({ ...RollbackEnvironment.shape, COMMANDS_QUEUE_URL: queueUrl });

/** What `wake` reads. */
export const WakeEnvironment = z.object({ ...Table.shape, ...Queues.shape });
export type WakeEnvironment = z.infer<typeof WakeEnvironment>;

/** What `dead-letter` reads. */
export const DeadLetterEnvironment = z.object({
  ...Table.shape,
  EVENT_BUS_NAME: text,
  COMMANDS_DEAD_LETTER_QUEUE_URL: queueUrl,
  RUNS_DEAD_LETTER_QUEUE_URL: queueUrl,
  BATCHES_DEAD_LETTER_QUEUE_URL: queueUrl,
  ROLLBACKS_DEAD_LETTER_QUEUE_URL: queueUrl,
});
export type DeadLetterEnvironment = z.infer<typeof DeadLetterEnvironment>;

/** Reads a function's variables; empty ones count as absent. Throws ENVIRONMENT_INVALID, naming every variable at fault. */
export function readEnvironment<T>(schema: z.ZodType<T>, variables: Variables = process.env): T {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.map(String).join(".")}: ${message}`);
  throw new MigratorError("ENVIRONMENT_INVALID", `environment variables: ${faults.join("; ")}`, {
    next: "Put the function back as the stack has it, with `cdk deploy --revert-drift`: somebody has changed its variables.",
  });
}
