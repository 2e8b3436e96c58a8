import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { Pool } from "undici";
import { Refusal } from "../../../shared/calico/forwarded.ts";
import { errorMessage } from "../../../shared/errors.ts";
import type { TestApi } from "../api.ts";
import { createAuthority, createCertificate } from "../certificates.ts";
import { freePort } from "../ports.ts";
import { type Answer, failure, send } from "./answers.ts";
import { discoveryDocument } from "./discovery.ts";
import { formOf, listIn, objectIn } from "./forms.ts";
import { Unreadable } from "./metadata.ts";
import { Operations, storedPath } from "./operations.ts";
import { carryOut, resourceRequest, type ResourceRequest } from "./requests.ts";
import { TierRights } from "./tier-rights.ts";
import { relayWatch } from "./watch.ts";

/** A running aggregated API server, without its APIService. */
export interface AggregatedServer {
  /** It listens on this port of 127.0.0.1, with a certificate of its own authority. */
  readonly port: number;
  /** The plurals of which a client whose User-Agent begins so has a watch open. */
  watched(userAgent: string): ReadonlySet<string>;
  /** Ends all connections, watches included. */
  stop(): Promise<void>;
}

// The aggregator keeps connections; one that ends between two of its requests would fail the next.
const KEEP_ALIVE_MS = 600_000;

/**
 * Starts an API server that serves projectcalico.org/v3 out of the objects of crd.projectcalico.org/v1 in the cluster of
 * `api`, which must authenticate by token. It trusts whoever reaches it: kube-apiserver has authorised the request, but for
 * rights by tier, which upstream's API server asks for itself.
 */
export async function serveAggregated(api: TestApi): Promise<AggregatedServer> {
  const rights = new TierRights(api, new Operations(api));
  const pool = new Pool(api.server, { connect: { ca: api.ca } });
  const watches = new Set<{ plural: string; userAgent: string }>();
  const certificate = createCertificate(createAuthority("aggregated API authority"), {
    commonName: "calico-api",
    hosts: ["localhost", "127.0.0.1"],
  });
  const watch = async (request: ResourceRequest, from: IncomingMessage, to: ServerResponse) => {
    const { served } = request.target;
    const open = { plural: served.plural, userAgent: from.headers["user-agent"] ?? "" };
    watches.add(open);
    to.once("close", () => watches.delete(open));
    const path = storedPath(request.target);
    const form = formOf(from.headers.accept);
    await relayWatch(pool, { path, token: api.token, served, form }, to);
  };
  const server = createServer(certificate, (from, to) => {
    handle(rights, watch, from, to).catch((error: unknown) => {
      fail(to, error);
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const port = await freePort();
  server.listen(port, "127.0.0.1").unref();
  await once(server, "listening");
  return {
    port,
    watched: (userAgent) =>
      new Set(
        [...watches].filter((open) => open.userAgent.startsWith(userAgent)).map(({ plural }) => plural),
      ),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
      await pool.destroy();
    },
  };
}

async function handle(
  rights: TierRights,
  watch: (request: ResourceRequest, from: IncomingMessage, to: ServerResponse) => Promise<void>,
  from: IncomingMessage,
  to: ServerResponse,
): Promise<void> {
  const url = new URL(from.url ?? "/", "https://localhost");
  const method = from.method ?? "GET";
  const document = method === "GET" ? discoveryDocument(url.pathname) : undefined;
  if (document !== undefined) {
    send(to, { status: 200, body: document });
    return;
  }
  const request = resourceRequest(method, url);
  if ("status" in request) send(to, request);
  else if (request.verb === "list" && request.watch) await watch(request, from, to);
  else send(to, inForm(await carryOut(rights.for(from), request, from), request, from.headers.accept));
}

function inForm(answer: Answer, { verb }: ResourceRequest, accept: string | undefined): Answer {
  if (answer.status >= 300 || verb === "delete") return answer;
  const form = formOf(accept);
  const body = verb === "list" ? listIn(form, answer.body) : objectIn(form, answer.body);
  return { status: answer.status, body };
}

// A watch that fails later has sent its head already.
function fail(to: ServerResponse, error: unknown): void {
  if (to.headersSent) to.destroy();
  else send(to, failure(statusOf(error), errorMessage(error)));
}

function statusOf(error: unknown): number {
  if (error instanceof Refusal) return 422;
  if (error instanceof SyntaxError) return 400;
  // Upstream answers the same for an object whose metadata annotation is broken.
  return error instanceof Unreadable ? 500 : 503;
}
