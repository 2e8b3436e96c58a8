import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { KubernetesClient } from "./client.ts";
import { connectKubernetes, type ConnectOptions } from "./connection.ts";
import { startFake, temporaryFolder, writeKubeconfig } from "./testing/connect-fake.ts";
import type { FakeApiServer } from "./testing/fake-api-server.ts";
import { failure } from "./testing/fake-store.ts";

async function connectTo(
  t: TestContext,
  kubeconfig: JsonObject,
  options: Partial<ConnectOptions> = {},
): Promise<KubernetesClient> {
  const file = await writeKubeconfig(t, kubeconfig);
  const client = await connectKubernetes({ userAgent: "calico-migrator/test", ...options, kubeconfig: file });
  t.after(() => client.close());
  return client;
}

async function refusal(t: TestContext, kubeconfig: JsonObject): Promise<MigratorError> {
  try {
    await connectTo(t, kubeconfig);
  } catch (error) {
    assert(error instanceof MigratorError, String(error));
    return error;
  }
  return assert.fail("connected");
}

/** An exec plugin that prints another token at each call. */
async function plugin(t: TestContext, body: string): Promise<string> {
  const file = join(await temporaryFolder(t), "plugin");
  await writeFile(file, `#!/bin/sh\ncd "$(dirname "$0")"\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

const countingPlugin = `echo x >> calls
n=$(wc -l < calls | tr -d ' ')
echo "{\\"kind\\":\\"ExecCredential\\",\\"status\\":{\\"token\\":\\"token-$n\\"}}"`;

function withServer(fake: FakeApiServer, server: string, cluster: JsonObject = {}): JsonObject {
  return { ...fake.kubeconfig(), clusters: [{ name: "fake", cluster: { server, ...cluster } }] };
}

function authorization(fake: FakeApiServer): (string | undefined)[] {
  return fake.requests.map((request) => request.headers.authorization);
}

suite("authentication", () => {
  test("a token, a password and impersonation become headers", async (t) => {
    const fake = await startFake(t);
    await connectTo(t, fake.kubeconfig({ token: "t1", as: "jane", "as-groups": ["ops", "net"] }));
    await connectTo(t, fake.kubeconfig({ username: "u", password: "p" }));
    const [token, basic] = fake.requests;
    assert.equal(token?.headers.authorization, "Bearer t1");
    assert.equal(token.headers["impersonate-user"], "jane");
    assert.equal(token.headers["impersonate-group"], "ops, net");
    assert.equal(token.headers["user-agent"], "calico-migrator/test");
    assert.equal(basic?.headers.authorization, `Basic ${Buffer.from("u:p").toString("base64")}`);
  });

  test("a token file is read again when the server refuses what it held", async (t) => {
    const fake = await startFake(t, { token: "old" });
    const tokenFile = join(await temporaryFolder(t), "token");
    await writeFile(tokenFile, "old\n");
    const client = await connectTo(t, fake.kubeconfig({ tokenFile }));
    await writeFile(tokenFile, "new\n");
    fake.token = "new";
    fake.requests.length = 0;
    const created = await client.create({ apiVersion: "v1", plural: "nodes" }, { metadata: { name: "n" } });
    assert.equal(created["metadata"] !== undefined, true);
    assert.deepEqual(authorization(fake), ["Bearer old", "Bearer new"]);
  });

  test("an exec plugin runs once, and once more for all requests that a 401 met", async (t) => {
    const fake = await startFake(t, { token: "token-1" });
    const command = await plugin(t, countingPlugin);
    const apiVersion = "client.authentication.k8s.io/v1";
    const client = await connectTo(t, fake.kubeconfig({ exec: { apiVersion, command } }));
    fake.token = "token-2";
    const nodes = { apiVersion: "v1", plural: "nodes" };
    await Promise.all(
      Array.from({ length: 10 }, (_, n) => client.create(nodes, { metadata: { name: `n${n}` } })),
    );
    assert.equal(fake.store.all("nodes").length, 10);
  });

  test("credentials that stay refused are renewed once, not for every request", async (t) => {
    const fake = await startFake(t, { token: "token-1" });
    const command = await plugin(t, countingPlugin);
    const client = await connectTo(t, fake.kubeconfig({ exec: { command } }));
    fake.token = "never";
    fake.requests.length = 0;
    const read = (): Promise<unknown> => client.get({ apiVersion: "v1", plural: "nodes", name: "n" });
    await assert.rejects(read, { code: "KUBERNETES_UNAUTHORIZED" });
    await assert.rejects(read, { code: "KUBERNETES_UNAUTHORIZED" });
    assert.deepEqual(authorization(fake), ["Bearer token-1", "Bearer token-2", "Bearer token-2"]);
  });

  test("a plugin is told which API version is wanted", async (t) => {
    const fake = await startFake(t);
    const command = await plugin(
      t,
      `case "$KUBERNETES_EXEC_INFO" in *client.authentication.k8s.io/v1*) echo '{"status":{"token":"told"}}';; *) exit 1;; esac`,
    );
    await connectTo(t, fake.kubeconfig({ exec: { apiVersion: "client.authentication.k8s.io/v1", command } }));
    assert.deepEqual(authorization(fake), ["Bearer told"]);
  });

  test("a plugin that fails or is missing is named, without what it printed", async (t) => {
    const fake = await startFake(t);
    const command = await plugin(t, "echo s3cret >&2; exit 1");
    const failed = await refusal(t, fake.kubeconfig({ exec: { command } }));
    assert.equal(failed.code, "KUBERNETES_CREDENTIALS");
    assert.match(failed.message, /exec plugin plugin failed/);
    assert.doesNotMatch(`${failed.message}${String(failed.cause)}`, /s3cret/);
    const missing = await refusal(t, fake.kubeconfig({ exec: { command: "no-such-plugin-here" } }));
    assert.match(missing.message, /no-such-plugin-here is not installed/);
  });
});

suite("connecting", () => {
  test("a refused user, a missing file and a bad URL each have their code", async (t) => {
    const fake = await startFake(t, { token: "right" });
    assert.equal((await refusal(t, fake.kubeconfig({ token: "wrong" }))).code, "KUBERNETES_UNAUTHORIZED");
    const gone = await refusal(t, fake.kubeconfig({ "client-certificate": "/no/such.crt" }));
    assert.equal(gone.code, "KUBECONFIG_INVALID");
    assert.match(gone.message, /\/no\/such\.crt/);
    assert.equal((await refusal(t, withServer(fake, "ftp://x"))).code, "KUBECONFIG_INVALID");
  });

  test("a closed port is unreachable, and plain HTTP behind https: is a TLS problem", async (t) => {
    const fake = await startFake(t);
    const tls = await refusal(t, withServer(fake, fake.url.replace("http:", "https:")));
    assert.equal(tls.code, "KUBERNETES_TLS");
    const unreachable = await refusal(t, withServer(fake, "https://127.0.0.1:1"));
    assert.equal(unreachable.code, "KUBERNETES_UNREACHABLE");
    assert(unreachable.retryable);
  });

  test("a user who may not read the version is connected all the same", async (t) => {
    const fake = await startFake(t);
    fake.inject({ path: "/version", answer: failure(403, "Forbidden", "no") });
    await connectTo(t, fake.kubeconfig());
  });

  test("a server behind a path of a gateway is asked under that path", async (t) => {
    const fake = await startFake(t, { documents: { "/k8s/clusters/c1/version": { major: "1" } } });
    await connectTo(t, withServer(fake, `${fake.url}/k8s/clusters/c1/`));
    assert.equal(fake.requests[0]?.path, "/k8s/clusters/c1/version");
  });

  test("a cluster's proxy is used", async (t) => {
    const fake = await startFake(t);
    const tunnels: string[] = [];
    const proxy = createServer();
    proxy.on("connect", (request, socket) => {
      tunnels.push(request.url ?? "");
      const upstream = connect(Number(new URL(fake.url).port), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        upstream.pipe(socket);
        socket.pipe(upstream);
      });
      socket.on("error", () => upstream.destroy());
      upstream.on("error", () => socket.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    t.after(() => proxy.close());
    const { port } = proxy.address() as AddressInfo;
    // Nothing but the proxy knows this name, and TLS to a plain server fails only once the tunnel stands.
    const kubeconfig = withServer(fake, "https://cluster.invalid:6443", {
      "proxy-url": `http://127.0.0.1:${port}`,
    });
    assert.equal((await refusal(t, kubeconfig)).code, "KUBERNETES_TLS");
    assert.deepEqual([...new Set(tunnels)], ["cluster.invalid:6443"]);
  });
});
