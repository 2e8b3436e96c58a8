import { type DynamoDBClient, TransactionCanceledException } from "@aws-sdk/client-dynamodb";

/** What may happen to a request: carried out without an answer, or not carried out. */
export type Fault = "lost answer" | "throttled" | "conflict" | "no connection";

/** Decides, for each request that is sent, whether something happens to it. `request` counts those of its kind from 0. */
export type Fate = (command: string, request: number) => Fault | undefined;

/** Lets faults happen to the requests of a client, below its own retries. Returns how many have happened. */
export function withFaults(client: DynamoDBClient, fate: Fate): () => number {
  const requests = new Map<string, number>();
  let happened = 0;
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const command = (context["commandName"] as string).replace(/Command$/, "");
      const request = requests.get(command) ?? 0;
      requests.set(command, request + 1);
      const fault = fate(command, request);
      if (fault !== undefined) happened += 1;
      if (fault === undefined) return next(args);
      if (fault === "lost answer") await next(args).catch(() => undefined);
      throw faultError(fault, command);
    },
    { step: "deserialize", priority: "high", name: "faults" },
  );
  return () => happened;
}

/** Has DynamoDB leave half of what is asked for at once unprocessed, as it does with large answers and under load. */
export function answerInParts(client: DynamoDBClient): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      if (context["commandName"] !== "BatchGetItemCommand") return next(args);
      const input = args.input as BatchGetInput;
      const [[table, request]] = Object.entries(input.RequestItems) as [[string, { Keys: unknown[] }]];
      const half = Math.ceil(request.Keys.length / 2);
      const first = { RequestItems: { [table]: { ...request, Keys: request.Keys.slice(0, half) } } };
      const answer = await next({ ...args, input: first });
      const rest = request.Keys.slice(half);
      const output = answer.output as { UnprocessedKeys?: unknown };
      if (rest.length > 0) output.UnprocessedKeys = { [table]: { ...request, Keys: rest } };
      return answer;
    },
    { step: "initialize", name: "parts" },
  );
}

interface BatchGetInput {
  RequestItems: Record<string, { Keys: unknown[] }>;
}

function faultError(fault: Fault, command: string): Error {
  const $metadata = { httpStatusCode: 400 };
  switch (fault) {
    case "lost answer":
      return Object.assign(new Error("the connection broke before the answer"), { name: "TimeoutError" });
    case "no connection":
      return Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    case "throttled":
      return Object.assign(new Error("too fast"), { name: "ThrottlingException", $metadata });
    case "conflict": {
      if (command !== "TransactWriteItems") {
        return Object.assign(new Error("under way"), { name: "TransactionConflictException", $metadata });
      }
      const CancellationReasons = [{ Code: "None" }, { Code: "TransactionConflict" }];
      return new TransactionCanceledException({ message: "conflict", $metadata, CancellationReasons });
    }
  }
}
