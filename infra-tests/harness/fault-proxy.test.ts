import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openApi, type TestApi } from "./api.ts";
import { createAuthority, createCertificate } from "./certificates.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { removeFolder, temporaryFolder } from "./temporary-folder.ts";

const folder = temporaryFolder("fault-proxy-test");
const carriedOut: string[] = [];
let server: Server;
let direct: TestApi;
let proxy: FaultProxy;
let api: TestApi;

before(async () => {
  const authority = createAuthority("server");
  server = createServer(
    createCertificate(authority, { commonName: "s", hosts: ["127.0.0.1"] }),
    (request, response) => {
      void (async () => {
        let body = "";
        for await (const piece of request) body += String(piece);
        carriedOut.push(`${request.method ?? ""} ${request.url ?? ""}`);
        const answer = { body, authorization: request.headers.authorization };
        response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(answer));
      })();
    },
  ).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const kubeconfig = join(folder, "kubeconfig");
  writeKubeconfig(kubeconfig, { server: `https://127.0.0.1:${port}`, ca: authority.cert, token: "token-1" });
  direct = await openApi(kubeconfig);
  proxy = await startFaultProxy(direct);
  api = await openApi(proxy.kubeconfig);
});

after(async () => {
  await api.close();
  await proxy.stop();
  await direct.close();
  server.close();
  removeFolder(folder);
});

afterEach(() => {
  proxy.clear();
  carriedOut.length = 0;
});

const post = () => api.request("POST", "/things?x=1", { a: 1 });

test("without a rule, requests and answers pass through unchanged", async () => {
  const { status, body } = await post();
  assert.deepEqual([status, body], [201, { body: '{"a":1}', authorization: "Bearer token-1" }]);
  assert.deepEqual(proxy.seen.at(-1), { method: "POST", path: "/things?x=1", fault: undefined });
});

test("an answer of the proxy's own is a Kubernetes Status and never reaches the server", async () => {
  const rule = proxy.inject({ fault: { type: "answer", status: 409 }, methods: ["POST"], count: 1 });
  const { status, body } = await post();
  assert.deepEqual([status, body["kind"], body["reason"], body["code"]], [409, "Status", "Conflict", 409]);
  assert.deepEqual([carriedOut, rule.hits], [[], 1]);
  assert.equal((await post()).status, 201);
});

test("a dropped request was carried out or not, as asked for", async () => {
  proxy.inject({ fault: { type: "dropBefore" }, count: 1 });
  await assert.rejects(post());
  assert.deepEqual(carriedOut, []);
  proxy.inject({ fault: { type: "dropAfter" }, count: 1 });
  await assert.rejects(post());
  assert.deepEqual(carriedOut, ["POST /things?x=1"]);
});

test("a delayed request arrives late, a stalled one never", async () => {
  proxy.inject({ fault: { type: "delay", ms: 80 }, count: 1 });
  const started = performance.now();
  assert.equal((await post()).status, 201);
  assert.ok(performance.now() - started >= 75);
  proxy.inject({ fault: { type: "stall" }, count: 1 });
  const outcome = await Promise.race([post().catch(() => "failed"), sleep(100, "still waiting")]);
  assert.deepEqual([outcome, carriedOut.length], ["still waiting", 1]);
});
