import type { SQSClient } from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";
import { hideFor, keepHidden } from "../../shared/adapters/aws/sqs/visibility.ts";
import type { Visibility } from "./ports.ts";

/** The queues that feed a function. */
export type QueueUrls = readonly [string, ...string[]];

/** The visibility of the messages of these queues. */
export function visibilityBy(queues: {
  sqs: SQSClient;
  queueUrls: QueueUrls;
  visibilityMs: number;
}): Visibility {
  const { sqs, queueUrls, visibilityMs } = queues;
  const held = (record: SQSRecord) => {
    const { receiptHandle } = record;
    return { sqs, queueUrl: queueUrlOf(record, queueUrls), receiptHandle };
  };
  return {
    keepHidden: (record, signal) => keepHidden({ ...held(record), visibilityMs, signal }),
    showAfter: (record, ms) => hideFor(held(record), ms),
  };
}

/** The URL of the queue that a message came from: it ends in the queue's name, as its ARN does. */
export function queueUrlOf(
  { eventSourceARN }: Pick<SQSRecord, "eventSourceARN">,
  queueUrls: QueueUrls,
): string {
  const name = eventSourceARN.slice(eventSourceARN.lastIndexOf(":") + 1);
  return queueUrls.find((url) => url.endsWith(`/${name}`)) ?? queueUrls[0];
}
