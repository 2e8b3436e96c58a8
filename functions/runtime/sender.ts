import type { SQSClient } from "@aws-sdk/client-sqs";
import type { LaterSender } from "../../shared/adapters/aws/sqs/later-sender.ts";
import { SqsWorkSender } from "../../shared/adapters/aws/sqs/work-sender.ts";
import type { WakeEnvironment } from "./environment.ts";

type QueueUrls = Pick<WakeEnvironment, "RUNS_QUEUE_URL" | "BATCHES_QUEUE_URL" | "ROLLBACKS_QUEUE_URL">;

/** Sends messages that carry this number of hops. */
export function senderFor(
  urls: QueueUrls,
  parts: { sqs: SQSClient; later: LaterSender; hops: number },
): SqsWorkSender {
  const { RUNS_QUEUE_URL: runs, BATCHES_QUEUE_URL: batches, ROLLBACKS_QUEUE_URL: rollbacks } = urls;
  return new SqsWorkSender({ ...parts, queues: { runs, batches, rollbacks } });
}
