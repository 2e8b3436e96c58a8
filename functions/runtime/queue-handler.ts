import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { type Command, parseDelivery, type SentCommand } from "../../events/commands.ts";
import { backoffMs, failureOf, type RetryPolicy } from "../../shared/engine/backoff.ts";
import type { Engine } from "../../shared/engine/engine.ts";
import type { CheckpointStore, Clock } from "../../shared/engine/ports.ts";
import { MigratorError } from "../../shared/errors.ts";
import { type Asked, askedBy, wasTaken } from "./asked.ts";
import { timeBudget } from "./budget.ts";
import type { Log, Meter, Refusals, Visibility } from "./ports.ts";
import { misrouted } from "./misrouted.ts";
import { refusalOf } from "./refusal.ts";

/** How commands are carried out, and where it is told of those that are not. */
export interface Commands<C> {
  /** Throws MESSAGE_MISROUTED for a command of another queue. */
  carryOut: (command: Command, engine: Engine<C>, asked: Asked) => Promise<void>;
  refusals: Refusals;
  store: Pick<CheckpointStore, "getControl">;
  clock: Pick<Clock, "now">;
}

/** What handles the messages of a queue. */
export interface QueueParts<C> {
  /** An engine whose messages carry this number of hops; one that does what a command asks does it once. */
  engineFor: (hops: number, asked?: Asked) => Engine<C>;
  /** For queues to which commands come. */
  commands?: Commands<C>;
  visibility: Visibility;
  /** Messages with more hops than this are left to the wake-up, which starts their chain afresh. */
  hopBudget: number;
  log: Log;
  meter: Meter;
}

/** After how long a message that could not be handled is tried again. */
export const RETRY: RetryPolicy = { maxAttempts: Infinity, firstDelayMs: 1_000, maxDelayMs: 60_000 };

/** A message with one of these faults can never be handled. */
const HOPELESS: ReadonlySet<string> = new Set([
  "COMMAND_UNKNOWN",
  "MESSAGE_INVALID",
  "MESSAGE_MISROUTED",
  "MESSAGE_VERSION_UNKNOWN",
]);

/** A handler of SQS events that names the messages that failed, so that only they are delivered again. */
export type QueueHandler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;

/** Handles messages one after another, until the invocation's time is nearly over. */
export function queueHandler<C>(parts: QueueParts<C>): QueueHandler {
  return async (event, context) => {
    using budget = timeBudget(context);
    const handle = (record: SQSRecord): Promise<void> => handleRecord(parts, record, budget.signal);
    const options = { context, processInParallel: false, throwOnFullBatchFailure: false };
    // Awaited here: the budget lasts until then.
    return await processPartialResponse(event, handle, new BatchProcessor(EventType.SQS), options);
  };
}

async function handleRecord<C>(parts: QueueParts<C>, record: SQSRecord, signal: AbortSignal): Promise<void> {
  const { log, meter, visibility } = parts;
  log.resetKeys();
  log.appendKeys({ messageId: record.messageId, receives: receivesOf(record) });
  try {
    await using hidden = new AsyncDisposableStack();
    hidden.use(visibility.keepHidden(record, signal));
    await handleBody(parts, record, signal);
    meter.count("MessagesHandled");
  } catch (error) {
    meter.count("MessagesFailed");
    log.error("the message could not be handled", { failure: failureOf(error), error });
    await visibility.showAfter(record, retryAfter(error, record)).catch(() => undefined);
    throw error;
  }
}

async function handleBody<C>(parts: QueueParts<C>, record: SQSRecord, signal: AbortSignal): Promise<void> {
  const delivery = parseDelivery(record.body);
  if (delivery.kind === "command") return handleCommand(parts, record, delivery);
  const { message, hops } = delivery;
  const { type, runId, ...rest } = message;
  parts.log.appendKeys({ type, run: runId, hops, ...rest });
  if (hops > parts.hopBudget) {
    parts.meter.count("HopBudgetSpent");
    parts.log.warn("the hop budget is spent: the wake-up starts the chain afresh", {
      hopBudget: parts.hopBudget,
    });
    return;
  }
  await parts.engineFor(hops + 1).handle(message, signal);
}

async function handleCommand<C>(
  parts: QueueParts<C>,
  record: SQSRecord,
  { command, meta }: SentCommand,
): Promise<void> {
  const { log, meter, commands } = parts;
  if (commands === undefined) throw misrouted(command.type);
  const asked = askedBy(meta);
  try {
    if (await cameBefore(parts, commands.store, command, asked)) return;
    refuseExpired(command, commands.clock.now());
    await commands.carryOut(command, parts.engineFor(0, asked), asked);
    log.info("carried out a command", {
      command: command.type,
      run: command.data.runId,
      by: command.data.by,
    });
  } catch (error) {
    const refusal = refusalOf(error, command, { messageId: record.messageId, receives: receivesOf(record) });
    if (refusal === undefined) throw error;
    await commands.refusals.tell(refusal);
    meter.count("CommandsRefused");
    log.warn("refused a command", { ...refusal });
  }
}

/** True for a command that its run has taken: only what may have been left undone after that is done again. */
async function cameBefore<C>(
  parts: QueueParts<C>,
  store: Pick<CheckpointStore, "getControl">,
  { type, data }: Command,
  asked: Asked,
): Promise<boolean> {
  if (data.runId === undefined || !(await wasTaken(store, data.runId, asked))) return false;
  await parts.engineFor(0).wake(data.runId);
  parts.log.info("a command came again", { command: type, run: data.runId });
  return true;
}

/** Throws COMMAND_EXPIRED. */
function refuseExpired({ type, data: { notAfter } }: Command, now: number): void {
  if (notAfter === undefined || now <= Date.parse(notAfter)) return;
  throw new MigratorError("COMMAND_EXPIRED", `${type} came after ${notAfter}, when it expired`, {
    next: "Look at what the run does now with `calico-migrator describe RUN --aws`, and send the command again if it is still wanted.",
  });
}

/** What cannot be understood never will be: it is tried again at once, so that it reaches the dead-letter queue soon. */
function retryAfter(error: unknown, record: SQSRecord): number {
  const hopeless = error instanceof MigratorError && HOPELESS.has(error.code);
  return hopeless ? 0 : backoffMs(RETRY, receivesOf(record));
}

function receivesOf({ attributes }: SQSRecord): number {
  return Number(attributes.ApproximateReceiveCount);
}
