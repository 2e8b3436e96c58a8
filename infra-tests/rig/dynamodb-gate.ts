import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { freePort } from "../harness/ports.ts";

/** A reverse proxy before a DynamoDB that refuses requests when a test says so. */
export interface DynamoDbGate {
  readonly endpoint: string;
  /** From now on every n-th request is throttled. */
  throttle(everyNth: number): void;
  /** From now on no request is allowed. */
  deny(): void;
  /** From now on all requests pass. */
  open(): void;
  stop(): Promise<void>;
}

const THROTTLED = JSON.stringify({
  __type: "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
  message: "The level of configured provisioned throughput for the table was exceeded (asked for by a test)",
});
const DENIED = JSON.stringify({
  __type: "com.amazon.coral.service#AccessDeniedException",
  message: "The function is not authorized to perform this action (asked for by a test)",
});

/** Starts a gate on 127.0.0.1. */
export async function startDynamoDbGate(upstream: string): Promise<DynamoDbGate> {
  const agent = new Agent({ keepAlive: true });
  let refusal: { every: number; body: string; asked: number } | undefined;
  const server = createServer((from, to) => {
    if (refusal !== undefined && ++refusal.asked % refusal.every === 0) refuse(from, to, refusal.body);
    else forward(from, to, upstream, agent);
  });
  server.keepAliveTimeout = 60_000;
  const port = await freePort();
  server.listen(port, "127.0.0.1").unref();
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${port}`,
    throttle: (every) => {
      refusal = { every, body: THROTTLED, asked: 0 };
    },
    deny: () => {
      refusal = { every: 1, body: DENIED, asked: 0 };
    },
    open: () => {
      refusal = undefined;
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
      agent.destroy();
    },
  };
}

function refuse(from: IncomingMessage, to: ServerResponse, body: string): void {
  from.resume();
  to.writeHead(400, { "content-type": "application/x-amz-json-1.0" }).end(body);
}

function forward(from: IncomingMessage, to: ServerResponse, upstream: string, agent: Agent): void {
  const { method, headers, url } = from;
  const sent = request(new URL(url ?? "/", upstream), { method, headers, agent }, (answer) => {
    to.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(to);
  });
  sent.once("error", () => from.socket.destroy());
  from.pipe(sent);
}
