import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { freePort } from "../harness/ports.ts";

/** A reverse proxy before a DynamoDB that throttles when a test says so. */
export interface DynamoDbGate {
  readonly endpoint: string;
  /** From now on every n-th request is throttled (1: every one); undefined ends that. */
  throttle(everyNth: number | undefined): void;
  stop(): Promise<void>;
}

const REFUSAL = JSON.stringify({
  __type: "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
  message: "The level of configured provisioned throughput for the table was exceeded (asked for by a test)",
});

/** Starts a gate on 127.0.0.1. */
export async function startDynamoDbGate(upstream: string): Promise<DynamoDbGate> {
  const agent = new Agent({ keepAlive: true });
  let every: number | undefined;
  let passed = 0;
  const server = createServer((from, to) => {
    if (every !== undefined && ++passed % every === 0) refuse(from, to);
    else forward(from, to, upstream, agent);
  });
  server.keepAliveTimeout = 60_000;
  const port = await freePort();
  server.listen(port, "127.0.0.1").unref();
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${port}`,
    throttle: (everyNth) => {
      [every, passed] = [everyNth, 0];
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
      agent.destroy();
    },
  };
}

function refuse(from: IncomingMessage, to: ServerResponse): void {
  from.resume();
  to.writeHead(400, { "content-type": "application/x-amz-json-1.0" }).end(REFUSAL);
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
