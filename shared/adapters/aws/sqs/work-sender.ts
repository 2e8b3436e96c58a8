import { type BatchResultErrorEntry, SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { encodeWork } from "../../../../events/work.ts";
import type { Clock, WorkMessage, WorkSender } from "../../../engine/ports.ts";
import { SystemClock } from "../../system-clock.ts";
import { callAws, refused, unavailable } from "../calls/failure.ts";
import { inGroups } from "../calls/groups.ts";
import type { LaterSender } from "./later-sender.ts";
import { persist } from "../calls/persist.ts";

/** The longest DelaySeconds of SQS. */
const LONGEST_DELAY_MS = 900_000;

/** What SendMessageBatch takes: the bodies count, together and each. */
const BATCH_LIMITS = { count: 10, bytes: 1_048_576 };

/** The queues by their URLs. */
export interface WorkQueues {
  runs: string;
  batches: string;
  rollbacks: string;
}

interface Entry {
  body: string;
  delaySeconds: number;
}

/**
 * Sends work over SQS: undoing to `rollbacks`, batches to `batches`, the rest to `runs`. Delays are rounded up to
 * seconds; those over 15 minutes go to `later`. A message can arrive more than once, also when `send` rejects.
 */
export class SqsWorkSender implements WorkSender {
  readonly #sqs: SQSClient;
  readonly #queues: WorkQueues;
  readonly #later: LaterSender;
  readonly #hops: number;
  readonly #clock: Clock;

  /** `hops`: what the messages say of how many handled messages led to them. */
  constructor(parts: {
    sqs: SQSClient;
    queues: WorkQueues;
    later: LaterSender;
    hops: number;
    clock?: Clock;
  }) {
    this.#sqs = parts.sqs;
    this.#queues = parts.queues;
    this.#later = parts.later;
    this.#hops = parts.hops;
    this.#clock = parts.clock ?? new SystemClock();
  }

  /** Throws AWS_UNAVAILABLE, AWS_DENIED or AWS_REFUSED when a message could not be sent; all others have been. */
  async send(messages: readonly { message: WorkMessage; delayMs?: number }[]): Promise<void> {
    const now = this.#clock.now();
    const isLater = ({ delayMs = 0 }: { delayMs?: number }) => delayMs > LONGEST_DELAY_MS;
    const later = messages
      .filter(isLater)
      .map(({ message, delayMs = 0 }) => this.#later.sendLater(message, now + delayMs));
    const soon = Map.groupBy(
      messages.filter((entry) => !isLater(entry)),
      ({ message }) => queueOf(message, this.#queues),
    );
    const queued = [...soon].map(([queueUrl, group]) => this.#sendAll(queueUrl, group));
    await allDone([...later, ...queued]);
  }

  async #sendAll(
    queueUrl: string,
    messages: readonly { message: WorkMessage; delayMs?: number }[],
  ): Promise<void> {
    const entries = messages.map(({ message, delayMs = 0 }) => ({
      body: encodeWork(message, this.#hops),
      delaySeconds: Math.max(0, Math.ceil(delayMs / 1000)),
    }));
    const groups = inGroups(entries, BATCH_LIMITS, ({ body }) => Buffer.byteLength(body));
    await allDone(groups.map((group) => this.#sendGroup(queueUrl, group)));
  }

  async #sendGroup(queueUrl: string, group: readonly Entry[]): Promise<void> {
    const action = `send messages to the queue ${queueUrl}`;
    const faults: BatchResultErrorEntry[] = [];
    let reason = "";
    const left = await persist(group, this.#clock, async (entries) => {
      const failed = await callAws(action, () => this.#sendOnce(queueUrl, entries));
      faults.push(...failed.filter(({ SenderFault }) => SenderFault));
      const passing = failed.filter(({ SenderFault }) => SenderFault !== true);
      reason = reasonOf(passing[0]) ?? reason;
      return passing.flatMap(({ Id }) => entries[Number(Id)] ?? []);
    });
    const fault = reasonOf(faults[0]);
    if (fault !== undefined) throw refused(action, fault);
    if (left.length > 0) throw unavailable(action, reason);
  }

  async #sendOnce(queueUrl: string, entries: readonly Entry[]): Promise<BatchResultErrorEntry[]> {
    const { Failed = [] } = await this.#sqs.send(
      new SendMessageBatchCommand({
        QueueUrl: queueUrl,
        Entries: entries.map(({ body, delaySeconds }, index) => ({
          Id: String(index),
          MessageBody: body,
          DelaySeconds: delaySeconds,
        })),
      }),
    );
    return Failed;
  }
}

function queueOf(message: WorkMessage, queues: WorkQueues): string {
  if (message.track === "rollback") return queues.rollbacks;
  return message.type === "batch.work" ? queues.batches : queues.runs;
}

function reasonOf(failed: BatchResultErrorEntry | undefined): string | undefined {
  return failed && [failed.Code, failed.Message].filter(Boolean).join(": ");
}

/** Waits for all, then throws the first failure. */
async function allDone(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}
