/** The functions of the tests of the test bed. They tell what they do by appending lines to the file TRACE. */
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

interface Context {
  functionName: string;
  getRemainingTimeInMillis(): number;
}

interface SqsEvent {
  Records: { body: string; messageId: string; attributes: { ApproximateReceiveCount: string } }[];
}

/** What a message asks for. */
export interface Task {
  name: string;
  fail?: boolean;
  sleepMs?: number;
}

/** One line of the file TRACE. */
export interface TraceLine {
  name: string;
  what: "start" | "end";
  at: number;
  received: number;
}

export function echo(event: unknown, context: Context): Promise<unknown> {
  console.log(`hello from ${context.functionName}`);
  const { AWS_ENDPOINT_URL: endpoint, HOME: home } = process.env;
  const remainingMs = context.getRemainingTimeInMillis();
  return Promise.resolve({ event, functionName: context.functionName, remainingMs, endpoint, home });
}

export function misbehave({ how }: { how: string }): Promise<string> {
  if (how === "throw") return Promise.reject(new TypeError("as asked"));
  if (how === "exit") process.exit(3);
  while (how === "hang");
  return Promise.resolve("fine");
}

export async function batch({ Records }: SqsEvent): Promise<unknown> {
  const batchItemFailures = [];
  for (const { body, messageId, attributes } of Records) {
    const { name, fail, sleepMs } = JSON.parse(body) as Task;
    const received = Number(attributes.ApproximateReceiveCount);
    trace({ name, what: "start", at: Date.now(), received });
    if (sleepMs !== undefined) await sleep(sleepMs);
    if (fail === true) batchItemFailures.push({ itemIdentifier: messageId });
    else trace({ name, what: "end", at: Date.now(), received });
  }
  return { batchItemFailures };
}

function trace(line: TraceLine): void {
  appendFileSync(process.env["TRACE"] ?? "", `${JSON.stringify(line)}\n`);
}
