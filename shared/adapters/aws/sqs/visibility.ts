import { ChangeMessageVisibilityCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { Clock } from "../../../engine/ports.ts";
import { SystemClock } from "../../system-clock.ts";
import { callAws } from "../calls/failure.ts";

/** A message that was received and not yet deleted. */
export interface ReceivedMessage {
  sqs: SQSClient;
  queueUrl: string;
  receiptHandle: string;
}

/**
 * Keeps a message hidden from other receivers until it is disposed of or `signal` aborts: for `visibilityMs` from now,
 * renewed every third of that. What fails is tried again at the next renewal; a message that shows too early is handled
 * twice, which changes nothing. Once disposal is done, no renewal is under way.
 */
export function keepHidden(
  message: ReceivedMessage & { visibilityMs: number; signal?: AbortSignal; clock?: Clock },
): AsyncDisposable {
  const disposal = new AbortController();
  const stop = message.signal ? AbortSignal.any([disposal.signal, message.signal]) : disposal.signal;
  const beating = beat(message, message.clock ?? new SystemClock(), stop);
  return {
    async [Symbol.asyncDispose]() {
      disposal.abort();
      await beating;
    },
  };
}

/** Hides a message for `ms` from now, rounded up to seconds; 0 shows it again at once. */
export async function hideFor(
  message: ReceivedMessage,
  ms: number,
  abortSignal?: AbortSignal,
): Promise<void> {
  const { sqs, queueUrl, receiptHandle } = message;
  await callAws(`hide a message of the queue ${queueUrl}`, () =>
    sqs.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: queueUrl,
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: Math.ceil(ms / 1000),
      }),
      abortSignal && { abortSignal },
    ),
  );
}

async function beat(
  message: ReceivedMessage & { visibilityMs: number },
  clock: Clock,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    await hideFor(message, message.visibilityMs, stop).catch(() => undefined);
    await clock.sleep(message.visibilityMs / 3, stop);
  }
}
