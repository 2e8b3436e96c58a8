import { z } from "zod";
import { MigratorError } from "../shared/errors.ts";
import { isJsonObject, type JsonObject } from "../shared/json.ts";
import { cloudEvent, cloudEventSchema, isTypeOf, typeOf } from "./cloud-event.ts";
import { messageInvalid, parseJsonText, parseWith, versionUnknown } from "./invalid.ts";
import { type Work, workOf } from "./work.ts";

/** What an entry may come to: larger ones pass the bus in some regions, and not through every target of a rule. */
const MAX_BYTES = 256 * 1024;
/** What the time of an entry counts. */
const TIME_BYTES = 14;

const RunId = z
  .string()
  .regex(/^[a-z0-9-]{1,64}$/, "must be 1 to 64 of a-z, 0-9 and -")
  .describe("The run, by the id that the sender of StartRun chose");
const Cluster = z.string().min(1).max(253).describe("The name of the cluster");
const By = z.string().min(1).max(1024).describe("Who asks: a person, or an ARN");
const Reason = z.string().max(1024).describe("Why, for the history of the run");
const Stage = z.string().min(1);
const Options: z.ZodType<JsonObject> = z.record(z.string(), z.json());

const Fingerprint = z.string().min(1).max(128);

const Approval = z.strictObject({
  subject: z.string().min(1).describe("What is approved"),
  fingerprint: Fingerprint.optional().describe(
    "What was shown of it, by a plan; needed for all that depends on the cluster",
  ),
  by: By,
  at: z.int().min(0).describe("When, in milliseconds since the epoch"),
});

const Use = z
  .enum(["source", "target", "skip"])
  .describe("Which side counts; skip leaves the resource out of the migration");

/** Messages come late: each decision says which conflict it was made about, as it was seen. */
const ResolutionRequest = z.union([
  z.strictObject({
    key: z.string().min(1).max(512).describe("The conflict, such as NetworkPolicy/shop/web"),
    seen: z.string().min(1).max(128).describe("Its fingerprint, as it was listed"),
    use: Use,
  }),
  z.strictObject({
    kind: z.string().min(1).max(128).describe("All conflicts of this kind"),
    seenUpTo: z.number().min(0).describe("The latest `since` of those that were listed"),
    use: Use,
  }),
]);

const Expiry = {
  notAfter: z.iso
    .datetime({ offset: true })
    .optional()
    .describe("A command that is taken later than this is refused; without it, it never expires"),
};

const Undo = z
  .strictObject({
    runId: RunId.optional(),
    cluster: Cluster.optional(),
    by: By,
    reason: Reason.optional(),
    ...Expiry,
  })
  .refine(({ runId, cluster }) => (runId === undefined) !== (cluster === undefined), {
    error: "must be given, or cluster, and not both",
    path: ["runId"],
  })
  .meta({
    description: "Undoes a run: the one named, or the one that holds the cluster",
    oneOf: [{ required: ["runId"] }, { required: ["cluster"] }],
  });

/** What each command says, by its detail-type. Fields that it does not name are refused: one may be misspelt. */
const COMMANDS = {
  StartRun: z
    .strictObject({
      runId: RunId,
      migration: z.string().min(1).describe("The name of the migration"),
      cluster: Cluster,
      options: Options.default({}).describe("Options of the migration; never a secret"),
      approvals: z.array(Approval).default([]).describe("What is approved in advance"),
      stopBefore: Stage.optional().describe("The stage before which the run waits for an approval"),
      plan: z
        .string()
        .regex(/^[0-9a-f]{8,64}$/, "must be the hash of a plan")
        .optional()
        .describe("The plan that was compared with the cluster before, for the description of the run"),
      by: By,
      ...Expiry,
    })
    .describe("Starts a run. Its id is chosen by the sender, so that asking twice starts one run"),
  PauseRun: z
    .strictObject({ runId: RunId, by: By, ...Expiry })
    .describe("Stops a run at its next safe point"),
  ResumeRun: z
    .strictObject({
      runId: RunId,
      skip: z
        .array(z.string().min(1).max(512))
        .min(1)
        .max(500)
        .optional()
        .describe(
          "What is left out from now on, such as NetworkSet/shop/partners: a loss that the run asks to approve. Only for migrations that leave objects out, and before that is approved",
        ),
      by: By,
      ...Expiry,
    })
    .describe("Lets a paused or failed run go on"),
  ApproveRun: z
    .strictObject({
      runId: RunId,
      // Messages come twice: without it, the second would approve whatever the run waits for by then.
      subject: z.string().min(1).describe("What is approved"),
      fingerprint: Fingerprint.optional().describe(
        "What was shown of it, as run.waiting told; what has changed since is not approved. Without it: what the run shows when the command arrives",
      ),
      by: By,
      ...Expiry,
    })
    .describe("Records an approval"),
  ResolveConflicts: z
    .strictObject({
      runId: RunId,
      resolutions: z.array(ResolutionRequest).min(1).max(2000).describe("What was decided"),
      by: By,
      ...Expiry,
    })
    .describe("Decides about conflicts that were seen, and lets the run go on"),
  AbandonRun: z
    .strictObject({ runId: RunId, by: By, reason: Reason.optional(), ...Expiry })
    .describe("Gives a run up as it stands: nothing is undone, and its cluster is free for other runs"),
  AbortRequested: z
    .strictObject({ runId: RunId, by: By, reason: Reason.optional(), ...Expiry })
    .describe("Undoes a run that is not past its point of no return"),
  RollbackRequested: Undo,
} as const;

type CommandName = keyof typeof COMMANDS;
type CommandData<N extends CommandName> = z.output<(typeof COMMANDS)[N]>;

/** A command: its detail-type, and what it says. */
export type Command = { [N in CommandName]: { type: N; data: CommandData<N> } }[CommandName];

/** Schemas of the whole CloudEvents, by detail-type. */
export const COMMAND_SCHEMAS: Readonly<Record<CommandName, z.ZodType>> = {
  StartRun: cloudEventSchema("StartRun", COMMANDS.StartRun),
  PauseRun: cloudEventSchema("PauseRun", COMMANDS.PauseRun),
  ResumeRun: cloudEventSchema("ResumeRun", COMMANDS.ResumeRun),
  ApproveRun: cloudEventSchema("ApproveRun", COMMANDS.ApproveRun),
  ResolveConflicts: cloudEventSchema("ResolveConflicts", COMMANDS.ResolveConflicts),
  AbandonRun: cloudEventSchema("AbandonRun", COMMANDS.AbandonRun),
  AbortRequested: cloudEventSchema("AbortRequested", COMMANDS.AbortRequested),
  RollbackRequested: cloudEventSchema("RollbackRequested", COMMANDS.RollbackRequested),
};

/** What tells one command from another. */
export interface CommandMeta {
  /** Unique for its source. */
  id: string;
  /** ISO 8601. */
  time: string;
  /** Who sends it, such as `calico-migrator.cli`; must not begin with `aws.`, which the bus keeps for itself. */
  source: string;
}

/** An entry for PutEvents that carries a command as a CloudEvent. Throws MESSAGE_INVALID and COMMAND_TOO_LARGE. */
export function encodeCommand(
  { type: DetailType, data }: Command,
  { id, time, source: Source }: CommandMeta,
): { Source: string; DetailType: string; Detail: string } {
  const subject = data.runId ?? ("cluster" in data ? data.cluster : undefined);
  const parts = { name: DetailType, id, source: Source, time, subject, data: data as JsonObject };
  const said: unknown = JSON.parse(JSON.stringify(cloudEvent(parts)));
  const event = parseWith(COMMAND_SCHEMAS[DetailType], DetailType, said);
  const Detail = JSON.stringify(event);
  if (Buffer.byteLength(Source + DetailType + Detail) + TIME_BYTES > MAX_BYTES) {
    throw new MigratorError("COMMAND_TOO_LARGE", `${DetailType} comes to more than ${MAX_BYTES / 1024} KB`, {
      next: "Make its options smaller: give a manifest as an artifact, by the name that `calico-migrator manifests put SOURCE --aws` prints.",
    });
  }
  return { Source, DetailType, Detail };
}

/** A command with what tells it from others. */
export interface SentCommand {
  command: Command;
  meta: CommandMeta;
}

/** Reads a command out of an event. Throws COMMAND_UNKNOWN, MESSAGE_VERSION_UNKNOWN and MESSAGE_INVALID. */
export function parseCommand(detailType: string, detail: unknown): Command {
  return parseSent(detailType, detail).command;
}

function parseSent(detailType: string, detail: unknown): SentCommand {
  if (!isCommandName(detailType)) {
    throw new MigratorError("COMMAND_UNKNOWN", "the detail-type is that of no command", {
      next: `Send one of: ${Object.keys(COMMANDS).join(", ")}.`,
    });
  }
  const type = isJsonObject(detail) ? detail["type"] : undefined;
  if (typeof type === "string" && type !== typeOf(detailType) && isTypeOf(detailType, type)) {
    throw versionUnknown(detailType, `the type ${typeOf(detailType)}`);
  }
  const event = parseWith(COMMAND_SCHEMAS[detailType], detailType, detail) as CommandMeta &
    Pick<Command, "data">;
  const { id, source, time, data } = event;
  return { command: { type: detailType, data } as Command, meta: { id, source, time } };
}

/** What a queue delivers: work, or a command that came over the bus. */
export type QueueDelivery = ({ kind: "work" } & Work) | ({ kind: "command" } & SentCommand);

/**
 * Reads the body of a queue's message: a work body, or a whole event of the bus. Throws as {@link parseCommand}; what is
 * neither is MESSAGE_INVALID.
 */
export function parseDelivery(body: string): QueueDelivery {
  const value = parseJsonText("message", body);
  if (!isJsonObject(value)) throw messageInvalid("message", "is not an object");
  if (!("detail-type" in value)) return { kind: "work", ...workOf(value) };
  const detailType = value["detail-type"];
  if (typeof detailType !== "string") throw messageInvalid("message", "detail-type: must be text");
  return { kind: "command", ...parseSent(detailType, value["detail"]) };
}

function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}
