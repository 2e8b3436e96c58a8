import type { Context, SQSEvent, SQSRecord } from "aws-lambda";
import { type Command, type CommandMeta, encodeCommand } from "../../events/commands.ts";

/** An invocation that has this much time. */
export function contextWith(remainingMs = 60_000): Context {
  const context = {
    functionName: "test",
    awsRequestId: "request-1",
    getRemainingTimeInMillis: () => remainingMs,
  };
  return context as Partial<Context> as Context;
}

/** A message as SQS hands it to a function. */
export function recordOf(body: string, over: { messageId?: string; receives?: number } = {}): SQSRecord {
  const { messageId = "message-1", receives = 1 } = over;
  const attributes = {
    ApproximateReceiveCount: String(receives),
    SentTimestamp: "0",
    SenderId: "test",
    ApproximateFirstReceiveTimestamp: "0",
  };
  const source = {
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:eu-west-1:1:runs",
    awsRegion: "eu-west-1",
  };
  return {
    messageId,
    body,
    attributes,
    receiptHandle: "handle",
    messageAttributes: {},
    md5OfBody: "",
    ...source,
  };
}

export function eventOf(...records: SQSRecord[]): SQSEvent {
  return { Records: records };
}

let commands = 0;

/** The body by which a command comes over the bus to a queue; without an `id` it is a command of its own. */
export function bodyOf(command: Command, over: Partial<CommandMeta> = {}): string {
  commands += 1;
  const meta = { id: `command-${commands}`, time: "2026-11-21T12:00:00Z", source: "test", ...over };
  const { Source, DetailType, Detail } = encodeCommand(command, meta);
  return JSON.stringify({
    version: "0",
    "detail-type": DetailType,
    source: Source,
    detail: JSON.parse(Detail) as unknown,
  });
}
