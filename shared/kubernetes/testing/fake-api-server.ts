import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { requestSubject } from "../paths.ts";
import { type FakeAnswer, failure, FakeStore, type FakeTarget } from "./fake-store.ts";

/** A request as the fake API server received it. */
export interface SeenRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  body: JsonObject;
}

/** Something that goes wrong with the next matching request. */
export interface Fault {
  /** Default: any. */
  method?: string;
  /** Matches when the path contains it. Default: any. */
  path?: string;
  /** How many requests it strikes. Default 1. */
  times?: number;
  /** Answer this instead of doing anything. */
  answer?: FakeAnswer & { headers?: Record<string, string>; raw?: string };
  /** Cut the connection: before the request is acted on, or after, without an answer. */
  cut?: "before" | "after";
  /** Milliseconds to wait before the answer; what was asked for is done at once. */
  delayMs?: number;
  /** Hold the answer back until then. */
  until?: Promise<unknown>;
}

/** How a fake API server behaves. */
export interface FakeOptions {
  /** Refuse requests without this bearer token. */
  token?: string;
  /** Answers to GET of exact paths, for discovery and the like. */
  documents?: Record<string, JsonObject>;
  /** Says whether a SelfSubjectAccessReview is allowed. Default: all. */
  allows?: (attributes: JsonObject) => boolean;
}

/** An in-process API server over plain HTTP, with objects in memory and faults on demand. */
export class FakeApiServer {
  readonly store = new FakeStore();
  readonly requests: SeenRequest[] = [];
  /** TCP connections accepted so far. */
  connections = 0;
  /** The bearer token that is accepted; any when undefined. */
  token: string | undefined;
  readonly #server: Server;
  readonly #options: FakeOptions;
  readonly #faults: (Fault & { left: number })[] = [];

  private constructor(options: FakeOptions) {
    this.#options = options;
    this.token = options.token;
    this.#server = createServer((request, response) => {
      void this.#serve(request, response);
    });
    this.#server.on("connection", () => this.connections++);
  }

  /** Starts on a free port of 127.0.0.1. */
  static async start(options: FakeOptions = {}): Promise<FakeApiServer> {
    const fake = new FakeApiServer(options);
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Adds a fault; of several that match, the first added strikes first. */
  inject(fault: Fault): void {
    this.#faults.push({ ...fault, left: fault.times ?? 1 });
  }

  /** A kubeconfig of one context, `fake`, with this user. */
  kubeconfig(user: JsonObject = { token: "fake-token" }): JsonObject {
    return {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "fake",
      contexts: [{ name: "fake", context: { cluster: "fake", user: "fake" } }],
      clusters: [{ name: "fake", cluster: { server: this.url } }],
      users: [{ name: "fake", user }],
    };
  }

  /** Stops at once, open connections included. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = await receive(request);
    this.requests.push(seen);
    const fault = this.#strike(seen);
    if (fault?.cut === "before") {
      request.socket.resetAndDestroy();
      return;
    }
    const answer = fault?.answer ?? this.#answer(seen);
    if (fault?.cut === "after") {
      request.socket.resetAndDestroy();
      return;
    }
    if (fault?.delayMs !== undefined) await delay(fault.delayMs, undefined, { ref: false });
    await fault?.until;
    response.writeHead(answer.status, { "content-type": "application/json", ...fault?.answer?.headers });
    response.end(fault?.answer?.raw ?? JSON.stringify(answer.body));
  }

  #strike(seen: SeenRequest): Fault | undefined {
    const fault = this.#faults.find(
      ({ left, method = seen.method, path = "" }) =>
        left > 0 && method === seen.method && seen.path.includes(path),
    );
    if (fault !== undefined) fault.left--;
    return fault;
  }

  #answer(seen: SeenRequest): FakeAnswer {
    if (this.token !== undefined && seen.headers.authorization !== `Bearer ${this.token}`) {
      return failure(401, "Unauthorized", "Unauthorized");
    }
    if (seen.path === "/version") return { status: 200, body: { major: "1", minor: "36" } };
    const document = this.#options.documents?.[seen.path];
    if (document !== undefined && seen.method === "GET") return { status: 200, body: document };
    const target = targetOf(seen);
    if (target === undefined)
      return failure(404, "NotFound", "the server could not find the requested resource");
    return target.plural === "selfsubjectaccessreviews" ? this.#review(seen.body) : this.#act(seen, target);
  }

  #act(seen: SeenRequest, target: FakeTarget): FakeAnswer {
    if (seen.query.get("dryRun") === "All") return this.#tried(seen, target);
    switch (seen.method) {
      case "POST":
        return this.store.create(target, seen.body);
      case "PUT":
        return this.store.replace(target, seen.body);
      case "PATCH":
        return this.store.patch(target, seen.body, isApply(seen));
      case "DELETE":
        return this.store.delete(target, seen.body);
      default:
        return target.name === undefined ? this.store.list(target, seen.query) : this.store.get(target);
    }
  }

  /** What would be there after a write; nothing is stored. */
  #tried(seen: SeenRequest, target: FakeTarget): FakeAnswer {
    return seen.method === "POST" ? { status: 201, body: seen.body } : this.store.get(target);
  }

  #review(review: JsonObject): FakeAnswer {
    const spec = isJsonObject(review["spec"]) ? review["spec"] : {};
    const attributes = isJsonObject(spec["resourceAttributes"]) ? spec["resourceAttributes"] : {};
    const allowed = this.#options.allows?.(attributes) ?? true;
    return {
      status: 201,
      body: { ...review, status: allowed ? { allowed } : { allowed, reason: "no rule" } },
    };
  }
}

async function receive(request: IncomingMessage): Promise<SeenRequest> {
  const url = new URL(request.url ?? "/", "http://fake");
  const body = await text(request);
  const parsed: unknown = body === "" ? {} : JSON.parse(body);
  return {
    method: request.method ?? "GET",
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body: isJsonObject(parsed) ? parsed : {},
  };
}

function targetOf(seen: SeenRequest): FakeTarget | undefined {
  const subject = requestSubject(seen.method, seen.path);
  if (subject.resource === "") return undefined;
  const version = seen.path.split("/")[subject.group === "" ? 2 : 3] ?? "";
  return {
    apiVersion: subject.group === "" ? version : `${subject.group}/${version}`,
    plural: subject.resource,
    namespace: subject.namespace ?? "",
    name: subject.name,
  };
}

function isApply(seen: SeenRequest): boolean {
  return seen.headers["content-type"] === "application/apply-patch+yaml";
}
