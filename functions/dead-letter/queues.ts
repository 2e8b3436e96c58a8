import {
  ChangeMessageVisibilityBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { callAws } from "../../shared/adapters/aws/calls/failure.ts";
import type { DeadLetterQueues, DeadMessage } from "./handler.ts";

/** How long a message under the eye is hidden; given back at the end of the look. */
const HIDDEN_SECONDS = 60;

/** The most messages looked at per queue: the others have their turn with the next look. */
const MOST_MESSAGES = 200;

const AT_ONCE = 10;

/** The dead-letter queues, by the name of the queue they belong to. */
export type DeadLetterQueueUrls = Readonly<Record<"commands" | "runs" | "batches" | "rollbacks", string>>;

/** Looks at messages by receiving them and giving them back; none is deleted. */
export class SqsDeadLetterQueues implements DeadLetterQueues {
  readonly #sqs: SQSClient;
  readonly #urls: DeadLetterQueueUrls;

  constructor(sqs: SQSClient, urls: DeadLetterQueueUrls) {
    this.#sqs = sqs;
    this.#urls = urls;
  }

  async *messages(signal: AbortSignal): AsyncGenerator<DeadMessage, void> {
    for (const [queue, url] of Object.entries(this.#urls)) yield* this.#messagesOf(queue, url, signal);
  }

  async *#messagesOf(queue: string, url: string, signal: AbortSignal): AsyncGenerator<DeadMessage, void> {
    const held: string[] = [];
    try {
      while (held.length < MOST_MESSAGES && !signal.aborted) {
        const messages = await this.#receive(url);
        if (messages.length === 0) return;
        held.push(...messages.flatMap(({ ReceiptHandle }) => ReceiptHandle ?? []));
        yield* messages.map((message) => deadMessage(queue, message));
      }
    } finally {
      await this.#giveBack(url, held);
    }
  }

  async #receive(url: string): Promise<Message[]> {
    const request = new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: AT_ONCE,
      VisibilityTimeout: HIDDEN_SECONDS,
      MessageSystemAttributeNames: [
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
        "SentTimestamp",
      ],
    });
    return (await callAws(`look into ${url}`, () => this.#sqs.send(request))).Messages ?? [];
  }

  async #giveBack(url: string, held: readonly string[]): Promise<void> {
    for (let next = 0; next < held.length; next += AT_ONCE) {
      const Entries = held
        .slice(next, next + AT_ONCE)
        .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout: 0 }));
      // What cannot be given back shows again by itself.
      await this.#sqs
        .send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries }))
        .catch(() => undefined);
    }
  }
}

function deadMessage(queue: string, { MessageId = "", Body = "", Attributes = {} }: Message): DeadMessage {
  const key = [MessageId, Attributes.SentTimestamp, Attributes.ApproximateFirstReceiveTimestamp].join("/");
  // The look itself counts as a delivery.
  const receives = Math.max(1, Number(Attributes.ApproximateReceiveCount ?? 2) - 1);
  return { queue, messageId: MessageId, key, body: Body, receives };
}
