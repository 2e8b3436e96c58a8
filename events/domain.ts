import { z } from "zod";
import type { DomainEvent } from "../shared/engine/records.ts";
import { type CloudEvent, cloudEvent, cloudEventSchema } from "./cloud-event.ts";

const Track = z.enum(["forward", "rollback"]);
const Stage = z.string().min(1);
const Counts = z.record(z.string(), z.int().min(0));
const Failure = { code: z.string().min(1), message: z.string(), next: z.string() };
const Phased = {
  phase: z
    .string()
    .min(1)
    .optional()
    .describe("For migrations that have phases: the one that the run is in from here on"),
};

/**
 * What each state change says, by its type: all that the engine and the migrations announce. Further fields are allowed,
 * so that consumers of this version can read the next one.
 */
const EVENTS = {
  "run.started": z
    .looseObject({ migration: z.string(), cluster: z.string(), ...Phased })
    .describe("A worker took the run up for the first time"),
  "run.continued": z
    .looseObject({ state: z.enum(["Running", "RollingBack"]), ...Phased })
    .describe("What held the run back is gone"),
  "run.waiting": z
    .looseObject({
      reason: z.enum(["Gate", "Window", "Approval", "Conflict", "Paused", "Backoff"]),
      message: z.string(),
      stage: Stage.optional(),
      subject: z.string().optional().describe("For Approval: what has to be approved"),
      fingerprint: z
        .string()
        .optional()
        .describe(
          "For Approval: what is shown, for ApproveRun; it changes with what an approval would cover",
        ),
      count: z
        .int()
        .min(0)
        .optional()
        .describe("For Approval: how many things it is about, where they are counted"),
      ...Phased,
    })
    .describe("Something holds the run back; told once for the same reason and message"),
  "run.failed": z
    .looseObject({ ...Failure, stage: Stage.optional(), ...Phased })
    .describe("The run stopped until somebody resumes or undoes it"),
  "run.turned": z
    .looseObject({
      undo: z.enum(["abort", "rollback"]),
      reason: z
        .enum(["LockFailure", "LockBudget"])
        .optional()
        .describe("Why it goes back by itself: it failed, or took too long, while the datastore was locked"),
      code: Failure.code.optional().describe("With reason: of the failure"),
      message: Failure.message.optional(),
      next: Failure.next.optional(),
      ...Phased,
    })
    .describe("From here on the run is undone"),
  "run.ended": z
    .looseObject({ state: z.enum(["Succeeded", "RolledBack", "Aborted", "Abandoned"]), ...Phased })
    .describe("Nothing of the run is left to do"),
  "run.abandoned": z
    .looseObject({
      by: z.string(),
      leftBehind: z
        .array(z.looseObject({ stage: Stage, title: z.string() }))
        .describe(
          "The lock, what is found of the run in the cluster, and the steps of the way back that nobody has taken",
        ),
      ...Phased,
    })
    .describe("Somebody has given the run up as it stood; run.ended follows"),
  "undo.refused": z
    .looseObject({ undo: z.enum(["abort", "rollback"]).optional(), reason: z.string() })
    .describe("The run was to be undone when nothing could be undone any more: it stays as it is"),
  "stage.started": z
    .looseObject({ stage: Stage, track: Track, ...Phased })
    .describe("The run entered a stage"),
  "stage.completed": z
    .looseObject({
      stage: Stage,
      track: Track,
      counts: Counts.describe("Resources, by what was done with them"),
      ...Phased,
    })
    .describe("A stage is done"),
  "batch.failed": z
    .looseObject({ stage: Stage, track: Track, batch: z.int().min(0), ...Failure })
    .describe("A batch failed for good; the run stops with the same failure"),
  "conflict.resolved": z
    .looseObject({
      count: z.int().min(1),
      decisions: z
        .array(
          z.looseObject({
            key: z.string().describe("The conflict, or Kind/* for all of a kind that were seen"),
            use: z.enum(["source", "target", "skip"]),
            by: z.string(),
          }),
        )
        .optional()
        .describe("Left out where they are too many for an event; the run's history has all"),
    })
    .describe("The run goes by what people decided about conflicts"),
  "datastore.locked": z
    .looseObject({
      side: z.enum(["etcd", "kubernetes"]).optional().describe("Without it: both"),
      revision: z.int().min(0).optional().describe("The etcd revision of the lock"),
      group: z
        .enum(["crd.projectcalico.org", "projectcalico.org"])
        .optional()
        .describe("Of a Kubernetes datastore: the API group that takes no writes any more"),
    })
    .describe("New pods wait from here on"),
  "datastore.unlocked": z
    .looseObject({
      side: z.enum(["etcd", "kubernetes"]).optional().describe("Without it: the one that Calico uses now"),
      group: z
        .enum(["crd.projectcalico.org", "projectcalico.org"])
        .optional()
        .describe("Of a Kubernetes datastore: the API group that takes writes again"),
      by: z
        .string()
        .optional()
        .describe("Who has lifted the lock of a run that had ended, with `unlock --force`"),
    })
    .describe("New pods start again"),
  "datastore.lock-overdue": z
    .looseObject({
      datastore: z.string().min(1).describe("What is locked, in words for people"),
      since: z.iso.datetime().describe("Since when"),
      lockedMs: z.number().min(0),
      maxLockMs: z.number().min(0).describe("How long it may be locked, as the run was told"),
      message: z.string().optional().describe("Why the run does not go on, if it does not"),
    })
    .describe("The datastore is locked for longer than it may be; told again and again"),
  "apiservice.removed": z
    .looseObject({})
    .describe("Native objects are served as projectcalico.org/v3, no longer the aggregated API server's"),
  "apiservice.restored": z
    .looseObject({})
    .describe("The aggregated API server serves projectcalico.org/v3 again"),
  "writes.dropped": z
    .looseObject({
      count: z.int().min(1),
      writes: z
        .array(z.string())
        .describe("Some of them by name, each with what is to be done to have it again"),
      next: z.string().describe("Where all of them are, with their content"),
    })
    .describe(
      "What others have written to the native group, which accepted it, is out of force: the run went back",
    ),
  "cleanup.done": z.looseObject({}).describe("The old group is gone: there is no way back any more"),
  "preflight.passed": z
    .looseObject({ resources: Counts.describe("Resources to migrate, by kind") })
    .describe("No check speaks against the migration"),
  "message.dead-lettered": z
    .looseObject({ queue: z.string(), messageId: z.string(), receives: z.int().min(0) })
    .describe("A message of the run was given up"),
} as const;

const REFUSED = "command.refused";

const CommandRefused = z
  .looseObject({
    command: z.string(),
    runId: z.string().optional(),
    cluster: z.string().optional(),
    messageId: z.string().describe("The message on the queue that brought the command"),
    ...Failure,
  })
  .describe("A command was not carried out because of what it asks for");

/** Why a command was not carried out. */
export type CommandRefusal = z.infer<typeof CommandRefused>;

/** Schemas of all events that go out, as CloudEvents, by type. */
export const EVENT_SCHEMAS: Readonly<Record<string, z.ZodType>> = Object.fromEntries(
  [...Object.entries<z.ZodType>(EVENTS), [REFUSED, CommandRefused] as const].map(([name, data]) => [
    name,
    cloudEventSchema(name, data),
  ]),
);

/**
 * A state change of a run as a CloudEvent. Its id is the run's with the event's number in the run, from 1, so that what is
 * sent twice can be told and what comes out of order can be sorted.
 */
export function toCloudEvent(
  { runId, sequence, type, time, data }: DomainEvent,
  { source }: { source: string },
): CloudEvent {
  const id = `${runId}/${sequence}`;
  return cloudEvent({ name: type, id, source, time: new Date(time), subject: runId, data });
}

/** The CloudEvent that tells of a refused command. It belongs to no run's history, as the run may not even exist. */
export function refusalEvent(
  refusal: CommandRefusal,
  { source, time }: { source: string; time: Date },
): CloudEvent {
  const { messageId: id, runId, cluster } = refusal;
  return cloudEvent({
    name: REFUSED,
    id,
    source,
    time,
    subject: runId ?? cluster,
    data: refusal as CloudEvent["data"],
  });
}
