import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { JsonObject } from "../json.ts";
import { KubernetesApiError } from "./errors.ts";
import { connectFake } from "./testing/connect-fake.ts";
import { failure } from "./testing/fake-store.ts";

const widgets = { apiVersion: "example.org/v1", plural: "widgets" };
const configMaps = { apiVersion: "v1", plural: "configmaps", namespace: "here" };

function widget(name: string, spec: JsonObject = {}): JsonObject {
  return { apiVersion: "example.org/v1", kind: "Widget", metadata: { name }, spec };
}

async function failing(promise: Promise<unknown>): Promise<KubernetesApiError> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof KubernetesApiError, `not a KubernetesApiError: ${String(error)}`);
    return error;
  }
  return assert.fail("did not fail");
}

suite("writes", () => {
  test("an object is created, read, replaced, patched and deleted", async (t) => {
    const { client } = await connectFake(t);
    const created = await client.create(widgets, widget("a", { size: 1 }));
    assert.deepEqual(await client.get({ ...widgets, name: "a" }), created);
    await client.replace({ ...widgets, name: "a" }, { ...created, spec: { size: 2 } });
    const patched = await client.patch(
      { ...widgets, name: "a" },
      { spec: { colour: "red" } },
      { type: "merge" },
    );
    assert.deepEqual(patched["spec"], { size: 2, colour: "red" });
    await client.delete({ ...widgets, name: "a" });
    assert.equal((await failing(client.get({ ...widgets, name: "a" }))).code, "KUBERNETES_NOT_FOUND");
  });

  test("options become the query, the content type and the preconditions that the API server knows", async (t) => {
    const { client, fake } = await connectFake(t);
    const write = { fieldManager: "me", fieldValidation: "Strict", dryRun: true } as const;
    await client.create({ ...widgets, name: "a" } as typeof widgets, widget("a"), write);
    await client.patch({ ...widgets, name: "b" }, widget("b"), {
      type: "apply",
      fieldManager: "me",
      force: true,
    });
    await failing(
      client.delete({ ...widgets, name: "a" }, { uid: "other", propagationPolicy: "Foreground" }),
    );
    const [create, apply, remove] = fake.requests;
    assert.equal(
      create?.path,
      "/apis/example.org/v1/widgets",
      "a name in the reference is no part of the path",
    );
    assert.equal(create.query.toString(), "fieldManager=me&fieldValidation=Strict&dryRun=All");
    assert.equal(apply?.query.toString(), "fieldManager=me&force=true");
    assert.equal(apply.headers["content-type"], "application/apply-patch+yaml");
    assert.deepEqual(remove?.body, {
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions: { uid: "other" },
      propagationPolicy: "Foreground",
    });
  });

  test("what exists, has changed or has another UID is refused with its own code", async (t) => {
    const { client } = await connectFake(t);
    await client.create(widgets, widget("a"));
    const twice = await failing(client.create(widgets, widget("a")));
    assert.equal(twice.code, "KUBERNETES_ALREADY_EXISTS");
    assert.match(twice.message, /create widgets\.example\.org "a"/);
    const stale = { ...widget("a"), metadata: { name: "a", resourceVersion: "0" } };
    assert.equal(
      (await failing(client.replace({ ...widgets, name: "a" }, stale))).code,
      "KUBERNETES_CONFLICT",
    );
    const other = await failing(client.delete({ ...widgets, name: "a" }, { uid: "other" }));
    assert.equal(other.code, "KUBERNETES_CONFLICT");
    assert(!twice.outcomeUnknown && !other.outcomeUnknown);
  });
});

suite("faults", () => {
  test("a 429 is not tried again, tells how long to wait, and has a known outcome", async (t) => {
    const { client, fake } = await connectFake(t);
    const answer = { status: 429, body: {}, raw: "Too many requests", headers: { "retry-after": "7" } };
    fake.inject({ method: "POST", answer });
    const error = await failing(client.create(widgets, widget("a")));
    assert.equal(error.code, "KUBERNETES_TOO_MANY_REQUESTS");
    assert.equal(error.retryAfterMs, 7000);
    assert(error.retryable && !error.outcomeUnknown);
    assert.equal(fake.requests.length, 1);
  });

  test("a write that the server failed at may have happened", async (t) => {
    const { client, fake } = await connectFake(t);
    fake.inject({ answer: failure(500, "InternalError", "etcdserver: request timed out"), times: 2 });
    const error = await failing(client.create(widgets, widget("a")));
    assert.equal(error.code, "KUBERNETES_SERVER_ERROR");
    assert(error.retryable && error.outcomeUnknown);
    assert.match(error.message, /etcdserver: request timed out/);
    const reading = await failing(client.get({ ...widgets, name: "a" }));
    assert(!reading.outcomeUnknown, "reads have no outcome");
  });

  test("a write whose connection breaks is sent once and marked as unknown", async (t) => {
    const { client, fake } = await connectFake(t);
    fake.inject({ method: "POST", cut: "after" });
    const error = await failing(client.create(widgets, widget("a")));
    assert.equal(error.code, "KUBERNETES_CONNECTION_LOST");
    assert(error.outcomeUnknown && error.retryable);
    assert.equal(fake.requests.length, 1);
    assert.equal(fake.store.all("widgets").length, 1, "it had happened");
  });

  test("a read whose connection breaks is tried again, three times in all", async (t) => {
    const { client, fake } = await connectFake(t);
    await client.create(widgets, widget("a"));
    fake.inject({ method: "GET", cut: "before", times: 2 });
    assert.equal((await client.get({ ...widgets, name: "a" }))["kind"], "Widget");
    fake.inject({ method: "GET", cut: "before", times: 3 });
    const error = await failing(client.get({ ...widgets, name: "a" }));
    assert.equal(error.code, "KUBERNETES_CONNECTION_LOST");
  });

  test("a slow answer is a timeout; the write may have happened", async (t) => {
    const { client, fake } = await connectFake(t);
    fake.inject({ method: "POST", delayMs: 60_000 });
    const error = await failing(client.create(widgets, widget("a"), { timeoutMs: 1_000 }));
    assert.equal(error.code, "KUBERNETES_TIMEOUT");
    assert(error.outcomeUnknown && error.retryable);
    await client.create(widgets, widget("b"));
  });

  test("a write that waited for a connection until its time was up was never sent", async (t) => {
    const { client, fake } = await connectFake(t);
    fake.inject({ method: "POST", delayMs: 300, times: 32 });
    const busy = Array.from({ length: 32 }, (_, n) => client.create(widgets, widget(`busy-${n}`)));
    const late = await failing(client.create(widgets, widget("late"), { timeoutMs: 50 }));
    assert.equal(late.code, "KUBERNETES_TIMEOUT");
    assert(!late.outcomeUnknown);
    await Promise.all(busy);
    await client.create(widgets, widget("after"));
    assert(!fake.store.all("widgets").some((object) => JSON.stringify(object).includes("late")));
  });

  test("an aborted call ends at once and says whether it may have happened", async (t) => {
    const { client, fake } = await connectFake(t);
    fake.inject({ method: "POST", delayMs: 60_000 });
    const abort = new AbortController();
    const write = failing(client.create(widgets, widget("a"), { signal: abort.signal }));
    while (fake.requests.length === 0) await delay(5);
    abort.abort();
    const error = await write;
    assert.equal(error.code, "KUBERNETES_ABORTED");
    assert(error.outcomeUnknown && !error.retryable);
    const before = await failing(client.create(widgets, widget("b"), { signal: abort.signal }));
    assert(before.code === "KUBERNETES_ABORTED" && !before.outcomeUnknown);
  });

  test("an answer that is not JSON is named as such", async (t) => {
    const { client, fake } = await connectFake(t);
    fake.inject({ answer: { status: 200, body: {}, raw: "<html>log in</html>" }, times: 2 });
    const read = await failing(client.get({ ...widgets, name: "a" }));
    assert.equal(read.code, "KUBERNETES_ANSWER_INVALID");
    assert(!read.outcomeUnknown);
    assert((await failing(client.create(widgets, widget("a")))).outcomeUnknown);
  });

  test("a server that is gone is unreachable: nothing was sent", async (t) => {
    const { client, fake } = await connectFake(t);
    await fake.stop();
    const error = await failing(client.create(widgets, widget("a")));
    assert.equal(error.code, "KUBERNETES_UNREACHABLE");
    assert(error.retryable && !error.outcomeUnknown);
  });
});

suite("errors", () => {
  test("an invalid object is told field by field", async (t) => {
    const { client, fake } = await connectFake(t);
    const answer = failure(422, "Invalid", "all of it");
    const causes = [
      { field: "spec.order", message: "must be an integer", reason: "FieldValueInvalid" },
      { field: "spec.action", message: "is required", reason: "FieldValueRequired" },
    ];
    fake.inject({ answer: { ...answer, body: { ...answer.body, details: { name: "a", causes } } } });
    const error = await failing(client.create(widgets, widget("a")));
    assert.equal(error.code, "KUBERNETES_INVALID");
    assert.match(error.message, /spec\.order: must be an integer; spec\.action: is required/);
    assert.deepEqual(
      error.causes.map(({ field }) => field),
      ["spec.order", "spec.action"],
    );
  });

  test("what the server says about a Secret is not repeated", async (t) => {
    const { client, fake } = await connectFake(t);
    const answer = failure(422, "Invalid", 'data.password: Invalid value: "hunter2"');
    const causes = [
      { field: "data.password", message: 'Invalid value: "hunter2"', reason: "FieldValueInvalid" },
    ];
    fake.inject({ answer });
    fake.inject({ answer: { ...answer, body: { ...answer.body, details: { causes } } } });
    const secrets = { apiVersion: "v1", plural: "secrets", namespace: "here" };
    for (let n = 0; n < 2; n++) {
      const error = await failing(client.create(secrets, { metadata: { name: "s" } }));
      assert.doesNotMatch(`${error.message} ${JSON.stringify([error.causes, error.details])}`, /hunter2/);
    }
  });

  test("a forbidden request names verb, resource and namespace", async (t) => {
    const { client, fake } = await connectFake(t);
    fake.inject({ answer: failure(403, "Forbidden", "no") });
    const error = await failing(client.list(configMaps));
    assert.equal(error.code, "KUBERNETES_FORBIDDEN");
    assert.match(error.message, /list configmaps in namespace "here"/);
    assert.equal(error.details["verb"], "list");
  });
});

suite("lists", () => {
  test("items of built-in types get their apiVersion and kind", async (t) => {
    const { client } = await connectFake(t);
    await client.create(configMaps, { metadata: { name: "a" } });
    const { items } = await client.list(configMaps);
    assert.equal(items[0]?.["apiVersion"], "v1");
    assert.equal(items[0]["kind"], "Fake");
  });

  test("a list of metadata asks for PartialObjectMetadata", async (t) => {
    const { client, fake } = await connectFake(t);
    await client.list(widgets, { metadataOnly: true, labelSelector: "a=b,c", limit: 3 });
    assert.match(fake.requests[0]?.headers.accept ?? "", /as=PartialObjectMetadataList/);
    assert.equal(fake.requests[0]?.query.get("labelSelector"), "a=b,c");
  });

  test("connections are kept", async (t) => {
    const { client, fake } = await connectFake(t);
    for (let n = 0; n < 20; n++) await client.create(widgets, widget(`w${n}`));
    assert(fake.connections <= 2, `${fake.connections} connections for 21 requests`);
  });
});
