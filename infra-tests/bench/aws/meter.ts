import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { freePort } from "../../harness/ports.ts";
import { z } from "zod";
import { WireItem } from "./item-size.ts";
import { unitsOf, updatedKeys } from "./units.ts";

/** What one kind of request came to. */
export interface Metered {
  requests: number;
  writeUnits: number;
  readUnits: number;
  /** The time until its answers were there, added up. */
  ms: number;
}

/** A reverse proxy before a DynamoDB Local (or a LocalStack that has one) that counts what requests cost. */
export interface DynamoDbMeter {
  readonly endpoint: string;
  /** By operation, since the start or the last {@link reset}. */
  readonly metered: ReadonlyMap<string, Metered>;
  reset(): void;
  /** When (performance.now) the next request arrives that contains this text. */
  arrival(containing: string): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a meter on 127.0.0.1. Whatever a request asks for, it is told to return its capacity. */
export async function startDynamoDbMeter(upstream: string): Promise<DynamoDbMeter> {
  const agent = new Agent({ keepAlive: true });
  const metered = new Map<string, Metered>();
  let awaited: { containing: string; arrived: (at: number) => void }[] = [];
  const server = createServer((from, to) => {
    serve(from, to).catch(() => from.socket.destroy());
  });
  const serve = async (from: IncomingMessage, to: ServerResponse): Promise<void> => {
    const startedAt = performance.now();
    const body = await text(from);
    for (const { arrived } of awaited.filter((one) => body.includes(one.containing))) arrived(startedAt);
    awaited = awaited.filter((one) => !body.includes(one.containing));
    const answer = await forward(from, asksForCapacity(body), upstream, agent);
    to.writeHead(answer.status, answer.headers).end(answer.body);
    // Nobody waits for it; a failure ends the process, as a count would be missing.
    void account(from, { request: body, ...answer }, performance.now() - startedAt);
  };
  const account = async (from: IncomingMessage, exchange: Body, ms: number): Promise<void> => {
    const operation = operationOf(from);
    const isTransaction = operation === "TransactWriteItems" && exchange.status === 200;
    const updated = isTransaction ? await updatedItems(from, exchange.request, upstream, agent) : [];
    const { status, request: asked, body } = exchange;
    const units = unitsOf({ operation, status, request: asked, answer: body }, updated);
    add(metered, operation, { ...units, ms });
  };
  server.keepAliveTimeout = 60_000;
  const port = await freePort();
  server.listen(port, "127.0.0.1").unref();
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${port}`,
    metered,
    reset: () => {
      metered.clear();
    },
    arrival: (containing) =>
      new Promise((resolve) => {
        awaited.push({ containing, arrived: resolve });
      }),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
      agent.destroy();
    },
  };
}

function operationOf({ headers }: IncomingMessage): string {
  return String(headers["x-amz-target"] ?? "").replace(/^.*\./, "");
}

function asksForCapacity(body: string): string {
  return JSON.stringify({ ...(JSON.parse(body) as object), ReturnConsumedCapacity: "TOTAL" });
}

interface UpstreamAnswer {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

interface Body {
  status: number;
  request: string;
  body: string;
}

const Found = z.object({ Responses: z.record(z.string(), z.array(WireItem)) });

/** The items that a transaction has updated, as they are now. */
async function updatedItems(
  from: IncomingMessage,
  transaction: string,
  upstream: string,
  agent: Agent,
): Promise<WireItem[]> {
  const keys = [...updatedKeys(transaction)];
  if (keys.length === 0) return [];
  const tables = keys.map(([table, Keys]) => [table, { Keys, ConsistentRead: true }] as const);
  const headers = { ...from.headers, "x-amz-target": "DynamoDB_20120810.BatchGetItem" };
  const { method, url } = from;
  const query = JSON.stringify({ RequestItems: Object.fromEntries(tables) });
  const { body } = await forward({ method, url, headers }, query, upstream, agent);
  return Object.values(Found.parse(JSON.parse(body)).Responses).flat();
}

async function forward(
  { method, headers, url }: Pick<IncomingMessage, "method" | "headers" | "url">,
  body: string,
  upstream: string,
  agent: Agent,
): Promise<UpstreamAnswer> {
  const sent = { ...headers, "content-length": String(Buffer.byteLength(body)) };
  const outgoing = request(new URL(url ?? "/", upstream), { method, headers: sent, agent }).end(body);
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  const { "transfer-encoding": _, ...kept } = answer.headers;
  return { status: answer.statusCode ?? 502, headers: kept, body: await text(answer) };
}

function add(
  metered: Map<string, Metered>,
  operation: string,
  { write, read, ms }: { write: number; read: number; ms: number },
): void {
  const sum = metered.get(operation) ?? { requests: 0, writeUnits: 0, readUnits: 0, ms: 0 };
  metered.set(operation, {
    requests: sum.requests + 1,
    writeUnits: sum.writeUnits + write,
    readUnits: sum.readUnits + read,
    ms: sum.ms + ms,
  });
}
