import type { Context } from "aws-lambda";
import { failureOf } from "../../shared/engine/backoff.ts";
import type { DeadLetter, DeadLetterOutcome } from "../../shared/engine/dead-letter.ts";
import { timeBudget } from "../runtime/budget.ts";
import type { Log, Meter } from "../runtime/ports.ts";
import { understand } from "./understand.ts";

/** A message in a dead-letter queue. */
export interface DeadMessage {
  /** Its queue: runs, batches or rollbacks. */
  queue: string;
  messageId: string;
  /** Tells it from itself before it was redriven. */
  key: string;
  body: string;
  /** How often it was delivered before it was given up. */
  receives: number;
}

/** Looks at messages without taking them: they stay in their queue, for people to redrive. */
export interface DeadLetterQueues {
  /** Every message that can be seen, each once. */
  messages(signal: AbortSignal): AsyncIterable<DeadMessage>;
}

/** Remembers which messages were dealt with. */
export interface Seen {
  has(key: string): Promise<boolean>;
  remember(key: string): Promise<void>;
}

/** What the look through the dead-letter queues works with. */
export interface DeadLetterParts {
  queues: DeadLetterQueues;
  seen: Seen;
  record: (letter: DeadLetter) => Promise<DeadLetterOutcome>;
  log: Log;
  meter: Meter;
}

/** Looks through the dead-letter queues and writes into the runs why they stopped. */
export function deadLetterHandler(
  parts: DeadLetterParts,
): (event: unknown, context: Context) => Promise<void> {
  return async (_event, context) => {
    using budget = timeBudget(context);
    for await (const message of parts.queues.messages(budget.signal)) {
      await look(parts, message);
      if (budget.signal.aborted) return;
    }
  };
}

/** What goes wrong with one message keeps no other from being looked at; it has its turn again with the next look. */
async function look(parts: DeadLetterParts, message: DeadMessage): Promise<void> {
  const { log, seen } = parts;
  const { queue, messageId, receives, key } = message;
  log.resetKeys();
  log.appendKeys({ queue, messageId, receives });
  try {
    if (await seen.has(key)) return;
    if ((await tell(parts, message)) === "busy") return;
    await seen.remember(key);
    parts.meter.count("DeadLetters");
  } catch (error) {
    log.error("a dead letter could not be looked at", { failure: failureOf(error), error });
  }
}

async function tell({ record, log }: DeadLetterParts, message: DeadMessage): Promise<DeadLetterOutcome> {
  const { runId, ...understood } = understand(message.body);
  if (runId === undefined) {
    log.error("a message was given up that names no run", understood);
    return "unknown";
  }
  const { queue, messageId, receives } = message;
  const { work, fault } = understood;
  const letter = { queue, messageId, receives, runId };
  const outcome = await record(work === undefined ? letter : { ...letter, work });
  log.error("a message was given up", { run: runId, outcome, type: work?.type, fault });
  return outcome;
}
