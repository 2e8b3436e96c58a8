import type { SQSClient } from "@aws-sdk/client-sqs";
import { hideFor, keepHidden } from "../../shared/adapters/aws/sqs/visibility.ts";
import type { Visibility } from "./ports.ts";

/** The visibility of the messages of one queue. */
export function visibilityBy(queue: { sqs: SQSClient; queueUrl: string; visibilityMs: number }): Visibility {
  return {
    keepHidden: ({ receiptHandle }, signal) => keepHidden({ ...queue, receiptHandle, signal }),
    showAfter: ({ receiptHandle }, ms) => hideFor({ ...queue, receiptHandle }, ms),
  };
}
