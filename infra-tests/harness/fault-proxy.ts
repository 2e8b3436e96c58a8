import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request } from "node:https";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestApi } from "./api.ts";
import { createAuthority, createCertificate } from "./certificates.ts";
import { type ActiveRule, type Fault, type FaultRule, FaultRules } from "./fault-rules.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { freePort } from "./ports.ts";
import { removeFolder, temporaryFolder } from "./temporary-folder.ts";

/** A request that came by. */
interface SeenRequest {
  method: string;
  /** With its query. */
  path: string;
  fault: Fault | undefined;
}

/** A reverse proxy before a kube-apiserver that makes requests fail on purpose. */
export interface FaultProxy {
  /** Path of a kubeconfig that leads through the proxy, with the rights of the cluster's own. */
  readonly kubeconfig: string;
  readonly server: string;
  /** Every request so far, oldest first. */
  readonly seen: readonly SeenRequest[];
  /** Puts a rule in force, after those there are. */
  inject(rule: FaultRule): ActiveRule;
  /** Lifts all rules. */
  clear(): void;
  stop(): Promise<void>;
}

/** Starts a proxy (TLS, with an authority of its own) before the cluster of `api`, which must authenticate by token. */
export async function startFaultProxy(api: TestApi): Promise<FaultProxy> {
  if (api.token === "") throw new Error("the fault proxy needs a cluster that authenticates by bearer token");
  const folder = temporaryFolder("fault-proxy");
  const authority = createAuthority("fault proxy authority");
  const rules = new FaultRules();
  const seen: SeenRequest[] = [];
  const agent = new Agent({ keepAlive: true, ca: api.ca });
  const proxy = createServer(
    createCertificate(authority, { commonName: "proxy", hosts: ["127.0.0.1"] }),
    (from, to) => {
      const path = from.url ?? "/";
      const method = from.method ?? "GET";
      const fault = rules.decide(method, path);
      seen.push({ method, path, fault });
      handle(from, to, fault, () => forward(from, to, api.server, agent)).catch(() => from.socket.destroy());
    },
  );
  proxy.keepAliveTimeout = 60_000;
  proxy.listen(await freePort(), "127.0.0.1").unref();
  await once(proxy, "listening");
  const { port } = proxy.address() as { port: number };
  const server = `https://127.0.0.1:${port}`;
  const kubeconfig = join(folder, "kubeconfig");
  writeKubeconfig(kubeconfig, { server, ca: authority.cert, token: api.token });
  return {
    kubeconfig,
    server,
    seen,
    inject: (rule) => rules.add(rule),
    clear: () => {
      rules.clear();
    },
    stop: async () => {
      proxy.close();
      proxy.closeAllConnections();
      await once(proxy, "close");
      agent.destroy();
      removeFolder(folder);
    },
  };
}

/** Starts the request at the server; resolves with its answer's head. */
type Forward = () => Promise<IncomingMessage>;

async function handle(
  from: IncomingMessage,
  to: ServerResponse,
  fault: Fault | undefined,
  send: Forward,
): Promise<void> {
  switch (fault?.type) {
    case "answer":
      from.resume();
      answer(to, fault.status, fault.retryAfterSeconds);
      return;
    case "dropBefore":
      from.socket.destroy();
      return;
    case "stall":
      from.resume();
      return;
    case "dropAfter":
      await once((await send()).resume(), "end");
      from.socket.destroy();
      return;
    case "delay":
      await sleep(fault.ms);
      break;
    case undefined:
      break;
  }
  const upstream = await send();
  to.writeHead(upstream.statusCode ?? 502, upstream.headers);
  upstream.pipe(to);
  upstream.once("error", () => from.socket.destroy());
}

async function forward(
  from: IncomingMessage,
  to: ServerResponse,
  server: string,
  agent: Agent,
): Promise<IncomingMessage> {
  const { method, headers, url } = from;
  const upstream = request(new URL(url ?? "/", server), { method, headers, agent });
  // A client that goes away ends its watch at the server too.
  to.once("close", () => upstream.destroy());
  from.pipe(upstream);
  const [response] = (await once(upstream, "response")) as [IncomingMessage];
  return response;
}

const REASONS: Readonly<Record<number, string>> = {
  401: "Unauthorized",
  403: "Forbidden",
  409: "Conflict",
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

function answer(to: ServerResponse, status: number, retryAfterSeconds: number | undefined): void {
  const body = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "fault injected by the test bed",
    reason: REASONS[status] ?? "Unknown",
    code: status,
  };
  const retryAfter = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  to.writeHead(status, { "content-type": "application/json", ...retryAfter });
  to.end(JSON.stringify(body));
}
