import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import type { JsonObject } from "../json.ts";
import type { KubernetesClient } from "./client.ts";
import { connectKubernetes } from "./connection.ts";
import { crdResource, waitEstablished } from "./crds.ts";
import { Discovery } from "./discovery.ts";
import { connectFake, startFake, writeKubeconfig } from "./testing/connect-fake.ts";
import type { FakeApiServer } from "./testing/fake-api-server.ts";
import { failure } from "./testing/fake-store.ts";
import { advice } from "../testing/advice/refused.ts";

const widgets = { apiVersion: "example.org/v1", plural: "widgets" };
const a = { ...widgets, name: "a" };

function widget(name = "a"): JsonObject {
  return { apiVersion: "example.org/v1", kind: "Widget", metadata: { name } };
}

type Answer = ReturnType<typeof failure> & { headers?: Record<string, string>; raw?: string };

/** What the API server answers until what is advised has been done: then the same request is answered as usual. */
const ANSWERS: [code: string, cause: string, next: RegExp, answer: Answer][] = [
  [
    "KUBERNETES_FORBIDDEN",
    "the verb is granted",
    /^Grant this verb on this resource to the kubeconfig's user/,
    failure(403, "Forbidden", 'widgets is forbidden: User "robot" cannot create resource'),
  ],
  [
    "KUBERNETES_INVALID",
    "the named fields are corrected",
    /^Correct the fields named in the message/,
    failure(422, "Invalid", "spec.order: must be an integer"),
  ],
  [
    "KUBERNETES_TOO_MANY_REQUESTS",
    "it has waited",
    /^Wait, then `resume` with a smaller --concurrency/,
    { ...failure(429, "TooManyRequests", "wait"), headers: { "retry-after": "1" } },
  ],
  [
    "KUBERNETES_TIMEOUT",
    "the API server is well again",
    /^Wait; if it goes on, look at the API server's health and log/,
    failure(504, "Timeout", "request did not complete"),
  ],
  [
    "KUBERNETES_SERVER_ERROR",
    "the API server is well again",
    /^Wait; if it goes on, look at the API server's health and log/,
    failure(500, "InternalError", "etcdserver: leader changed"),
  ],
  [
    "KUBERNETES_ADMISSION_NOT_READY",
    "the policy's paramKind is there",
    /^Wait a minute; .* see that the kind exists which the policy names as its paramKind/,
    failure(403, "Forbidden", "failed to find resource referenced by paramKind: 'x/v1, Kind=Y'"),
  ],
  [
    "KUBERNETES_ADMISSION_DENIED",
    "the webhook leaves the object out",
    /^Let the policy or webhook that the message names leave out the migration's user or this object/,
    failure(403, "Forbidden", 'admission webhook "guard.example.org" denied the request: no'),
  ],
  [
    "KUBERNETES_NAMESPACE_TERMINATING",
    "the namespace is gone and made again",
    /^Let the deletion of the namespace end/,
    failure(
      403,
      "Forbidden",
      "unable to create new content in namespace shop because it is being terminated",
    ),
  ],
  [
    "KUBERNETES_QUOTA_EXCEEDED",
    "the quota is raised",
    /^Raise the ResourceQuota that the message names/,
    failure(403, "Forbidden", "exceeded quota: sets, requested: 1, used: 1, limited: 1"),
  ],
  [
    "KUBERNETES_BAD_REQUEST",
    "the apiVersion fits",
    /^Check that the object and its apiVersion fit the cluster's version/,
    failure(400, "BadRequest", "the API version in the data does not match"),
  ],
  [
    "KUBERNETES_ANSWER_INVALID",
    "no proxy changes answers any more",
    /a Kubernetes API server and no proxy changes its answers/,
    { status: 200, body: {}, raw: "<html>log in</html>" },
  ],
];

suite("an answer of the API server", () => {
  for (const [code, cause, next, answer] of ANSWERS)
    test(`${code} is over once ${cause}`, async (t) => {
      const { client, fake } = await connectFake(t);
      fake.inject({ method: "POST", answer });
      assert.match(await advice(client.create(widgets, widget()), code), next);
      await client.create(widgets, widget());
      assert.equal(fake.store.all("widgets").length, 1);
    });

  test("KUBERNETES_TOO_LARGE is over once the object is smaller", async (t) => {
    const { client, fake } = await connectFake(t);
    const large = { ...widget(), spec: { text: "x".repeat(2_000) } };
    fake.inject({ method: "POST", answer: failure(413, "RequestEntityTooLarge", "limit is 1000") });
    const next = await advice(client.create(widgets, large), "KUBERNETES_TOO_LARGE");
    assert.match(next, /^Make the object smaller, or split it/);
    await client.create(widgets, widget());
  });

  test("KUBERNETES_NOT_FOUND is over once it is there", async (t) => {
    const { client } = await connectFake(t);
    assert.match(await advice(client.get(a), "KUBERNETES_NOT_FOUND"), /^Check the name, the namespace, and/);
    await client.create(widgets, widget());
    await client.get(a);
  });

  test("KUBERNETES_ALREADY_EXISTS is over once the other one is deleted", async (t) => {
    const { client } = await connectFake(t);
    await client.create(widgets, widget());
    const next = await advice(client.create(widgets, widget()), "KUBERNETES_ALREADY_EXISTS");
    assert.match(next, /^Look at the object that is there\. Delete it where nobody wants it/);
    await client.get(a);
    await client.delete(a);
    await client.create(widgets, widget());
  });

  test("KUBERNETES_CONFLICT is over once nobody else writes to it", async (t) => {
    const { client } = await connectFake(t);
    const read = await client.create(widgets, widget());
    await client.patch(a, { spec: { theirs: 1 } }, { type: "merge" });
    const next = await advice(client.replace(a, read), "KUBERNETES_CONFLICT");
    assert.match(
      next,
      /^See who else writes to it .* and stop that; then `resume`, or run the command again/,
    );
    await client.replace(a, await client.get(a));
  });

  test("KUBERNETES_EXPIRED is over once it is listed anew", async (t) => {
    const { client, fake } = await connectFake(t);
    await client.create(widgets, widget());
    fake.inject({ method: "GET", answer: failure(410, "Expired", "too old resource version") });
    const next = await advice(client.list(widgets), "KUBERNETES_EXPIRED");
    assert.match(next, /`resume`, or run the command again: it is listed anew/);
    assert.equal((await client.list(widgets)).items.length, 1);
  });
});

suite("a request without an answer", () => {
  test("KUBERNETES_TIMEOUT is over once the server is quicker", async (t) => {
    const { client, fake } = await connectFake(t);
    fake.inject({ method: "POST", delayMs: 60_000 });
    const asked = client.create(widgets, widget(), { timeoutMs: 50 });
    assert.match(
      await advice(asked, "KUBERNETES_TIMEOUT"),
      /^Wait; if it goes on, look at the API server's load/,
    );
    await client.create(widgets, widget("b"));
  });

  test("KUBERNETES_ABORTED is over with the next try", async (t) => {
    const { client } = await connectFake(t);
    const asked = client.create(widgets, widget(), { signal: AbortSignal.abort() });
    assert.equal(await advice(asked, "KUBERNETES_ABORTED"), "Resume when ready.");
    await client.create(widgets, widget());
  });

  test("KUBERNETES_CONNECTION_LOST is over once the API server answers", async (t) => {
    const { client, fake } = await connectFake(t);
    fake.inject({ method: "POST", cut: "before" });
    const next = await advice(client.create(widgets, widget()), "KUBERNETES_CONNECTION_LOST");
    assert.equal(next, "Try again once the API server answers.");
    await client.create(widgets, widget());
  });
});

suite("a kubeconfig whose server is not reached", () => {
  async function connect(t: TestContext, kubeconfig: JsonObject): Promise<KubernetesClient> {
    const client = await connectKubernetes({
      kubeconfig: await writeKubeconfig(t, kubeconfig),
      userAgent: "test",
    });
    t.after(() => client.close());
    return client;
  }

  const withServer = (fake: FakeApiServer, server: string): JsonObject => ({
    ...fake.kubeconfig(),
    clusters: [{ name: "fake", cluster: { server } }],
  });

  test("KUBERNETES_UNREACHABLE: with its right URL it is", async (t) => {
    const fake = await startFake(t);
    const next = await advice(connect(t, withServer(fake, "https://127.0.0.1:1")), "KUBERNETES_UNREACHABLE");
    assert.match(next, /^Check the server URL in the kubeconfig, the network/);
    await connect(t, withServer(fake, fake.url));
  });

  test("KUBERNETES_TLS: what the kubeconfig says about TLS is as the server is", async (t) => {
    const fake = await startFake(t);
    const wrong = withServer(fake, fake.url.replace("http:", "https:"));
    const next = await advice(connect(t, wrong), "KUBERNETES_TLS");
    assert.match(
      next,
      /^Check certificate-authority, tls-server-name and the client certificate in the kubeconfig/,
    );
    await connect(t, withServer(fake, fake.url));
  });

  test("KUBERNETES_REQUEST_INVALID: without stray characters in the token it is", async (t) => {
    const fake = await startFake(t);
    const asked = connect(t, fake.kubeconfig({ token: "right\u0001" }));
    assert.match(
      await advice(asked, "KUBERNETES_REQUEST_INVALID"),
      /credentials .* in the kubeconfig for stray characters/,
    );
    await connect(t, fake.kubeconfig({ token: "right" }));
  });

  test("KUBERNETES_UNAUTHORIZED: with a renewed token it is", async (t) => {
    const fake = await startFake(t, { token: "right" });
    const next = await advice(connect(t, fake.kubeconfig({ token: "old" })), "KUBERNETES_UNAUTHORIZED");
    assert.match(next, /^Renew the token, certificate or exec plugin that the kubeconfig's user names/);
    await connect(t, fake.kubeconfig({ token: "right" }));
  });

  test("KUBERNETES_CREDENTIALS: with a plugin that is installed, and works by hand, it is", async (t) => {
    const fake = await startFake(t);
    const withPlugin = (command: string, args: string[] = []) =>
      connect(t, fake.kubeconfig({ exec: { command, args } }));
    const missing = await advice(withPlugin("no-such-plugin-here"), "KUBERNETES_CREDENTIALS");
    assert.equal(missing, "Install no-such-plugin-here and put it on the PATH.");
    const failed = await advice(withPlugin("sh", ["-c", "exit 1"]), "KUBERNETES_CREDENTIALS");
    assert.equal(failed, "Run the plugin by hand to see why.");
    await withPlugin("sh", ["-c", `echo '{"status":{"token":"t"}}'`]);
  });

  test("KUBECONFIG_INVALID: with the file and the server corrected it is", async (t) => {
    const fake = await startFake(t);
    const gone = await advice(
      connect(t, fake.kubeconfig({ "client-certificate": "/no/such.crt" })),
      "KUBECONFIG_INVALID",
    );
    assert.equal(gone, "Correct the file names and the certificate data in the kubeconfig.");
    const url = await advice(connect(t, withServer(fake, "ftp://x")), "KUBECONFIG_INVALID");
    assert.equal(url, "Correct the server of this cluster in the kubeconfig.");
    await connect(t, withServer(fake, fake.url));
  });
});

suite("what the cluster does not have", () => {
  test("KUBERNETES_CRDS_NOT_ESTABLISHED is over once the conditions are mended", async (t) => {
    const { client } = await connectFake(t);
    const accepted = { type: "NamesAccepted", status: "False", message: "plural is taken" };
    await client.create(crdResource, {
      metadata: { name: "a.x" },
      spec: { versions: [] },
      status: { conditions: [accepted] },
    });
    const wait = { pollMs: 5, deadlineMs: 20 };
    const next = await advice(waitEstablished(client, ["a.x"], wait), "KUBERNETES_CRDS_NOT_ESTABLISHED");
    assert.match(next, /^Mend what the conditions .* say \(kubectl describe crd\), then `resume`/);
    const conditions = ["NamesAccepted", "Established"].map((type) => ({ type, status: "True" }));
    await client.patch({ ...crdResource, name: "a.x" }, { status: { conditions } }, { type: "merge" });
    await waitEstablished(client, ["a.x"], wait);
  });

  test("KUBERNETES_KIND_UNKNOWN is over once its CRD is installed, or in a version that is served", async (t) => {
    const resources: JsonObject[] = [];
    const served = { resources: [{ name: "widgets", kind: "Widget", namespaced: false }] };
    const documents = { "/apis/example.org/v1": { resources }, "/apis/example.org/v2": served };
    const { client } = await connectFake(t, { documents });
    const find = (version: string) => new Discovery(client).resource(`example.org/${version}`, "Widget");
    const next = await advice(find("v1"), "KUBERNETES_KIND_UNKNOWN");
    assert.match(next, /^Install the CustomResourceDefinition .* or use a version that the cluster serves/);
    assert.equal((await find("v2")).plural, "widgets");
    resources.push(...served.resources);
    assert.equal((await find("v1")).plural, "widgets");
  });

  test("KUBERNETES_VERSION_UNKNOWN is over with the API server that stores the resource", async (t) => {
    const { client } = await connectFake(t);
    await client.create(widgets, widget());
    const since = (resourceVersion: string) => client.changes(widgets, { resourceVersion });
    assert.match(
      await advice(since("12/34"), "KUBERNETES_VERSION_UNKNOWN"),
      /^Name a kubeconfig whose server stores/,
    );
    const { resourceVersion } = await client.list(widgets);
    assert.deepEqual((await since(resourceVersion)).events, []);
  });
});
