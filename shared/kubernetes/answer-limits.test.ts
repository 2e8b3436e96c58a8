import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { suite, test, type TestContext } from "node:test";
import { Pool } from "undici";
import { errorOfFailure, TransportFailure } from "./failures.ts";
import { connectFake } from "./testing/connect-fake.ts";
import { readPages } from "./pages.ts";
import { exchange, type Line, type RawRequest } from "./transport.ts";
import { KubernetesApiError } from "./errors.ts";

const REQUEST: RawRequest = {
  method: "GET",
  path: "/api/v1/pods",
  headers: {},
  body: null,
  timeoutMs: 60_000,
  signal: undefined,
  waits: false,
};

/** A server whose answers of this status never end, and how many bytes it has sent. */
async function endless(t: TestContext, status: number): Promise<{ line: Line; sent: () => number }> {
  let sent = 0;
  const part = Buffer.alloc(64 * 1024, " ");
  const server = createServer((_request, response) => {
    response.writeHead(status);
    const more = (): void => {
      while (!response.destroyed && response.write(part)) sent += part.length;
    };
    response.on("drain", more);
    more();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pool = new Pool(origin);
  t.after(async () => {
    await pool.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { line: { dispatcher: pool, waiting: pool, origin, prefix: "", headers: {} }, sent: () => sent };
}

suite("an answer that never ends", () => {
  for (const status of [200, 500]) {
    test(`is given up at its limit, with status ${status}; of an API server it ends`, async (t) => {
      const { line, sent } = await endless(t, status);
      const failure = await exchange(line, { ...REQUEST, maxBytes: 1024 * 1024 }).catch(
        (error: unknown) => error,
      );
      assert.ok(failure instanceof TransportFailure && failure.kind === "endless");
      const error = errorOfFailure("GET", REQUEST.path, line.origin, failure);
      assert.deepEqual([error.code, error.retryable], ["KUBERNETES_ANSWER_TOO_LARGE", false]);
      assert.match(error.next, /^Check that the kubeconfig's server is a Kubernetes API server/);
      const { client } = await connectFake(t);
      assert.deepEqual((await client.list({ apiVersion: "v1", plural: "pods" })).items, []);
      assert.ok(sent() < 64 * 1024 * 1024, `${sent()} bytes`);
    });
  }

  test("of a page is asked for in smaller pages, down to one object", async () => {
    const limits: (number | undefined)[] = [];
    const list = (_ref: object, { limit }: { limit?: number | undefined }) => {
      limits.push(limit);
      if ((limit ?? 0) <= 2) return Promise.resolve({ items: [{ n: 1 }], resourceVersion: "1" });
      return Promise.reject(new KubernetesApiError("KUBERNETES_ANSWER_TOO_LARGE", "too large", { next: "" }));
    };
    const pods = { apiVersion: "v1", plural: "pods" };
    assert.deepEqual(await Array.fromAsync(readPages({ list }, pods, { pageSize: 16 })), [[{ n: 1 }]]);
    assert.deepEqual(limits, [16, 8, 4, 2]);
    const never = { list: () => list(pods, { limit: 3 }) };
    await assert.rejects(Array.fromAsync(readPages(never, pods, { pageSize: 2 })), {
      code: "KUBERNETES_ANSWER_TOO_LARGE",
    });
  });
});
