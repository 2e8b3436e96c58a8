import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../../json.ts";
import { objectsAt, textAt } from "../../../kubernetes/fields.ts";
import { connectFake } from "../../../kubernetes/testing/connect-fake.ts";
import { failure } from "../../../kubernetes/testing/fake-store.ts";
import type { Send } from "../../../kubernetes/types.ts";
import type { OwnedRecord } from "./references.ts";
import { releaseOwners, restoreOwners } from "./release.ts";
import { ownedPage, ownedRecord, scannedResources } from "./scan.ts";

const configMaps = { apiVersion: "v1", plural: "configmaps" };
const inDefault = { ...configMaps, namespace: "default" };

function reference(uid: string, apiVersion = "projectcalico.org/v3") {
  return { apiVersion, kind: "Tier", name: `n-${uid}`, uid };
}

function configMap(name: string, ownerReferences: JsonObject[]): JsonObject {
  return { metadata: { name, namespace: "default", ownerReferences } };
}

function resource(name: string, ...verbs: string[]): JsonObject {
  return { name, verbs };
}

function group(name: string, ...versions: string[]): JsonObject {
  const all = versions.map((version) => ({ groupVersion: `${name}/${version}` }));
  return { name, versions: all, preferredVersion: all.at(-1) ?? {} };
}

async function world(t: Parameters<typeof connectFake>[0], documents: Record<string, JsonObject> = {}) {
  const { client, fake } = await connectFake(t, { documents });
  const send: Send = (request) => request(client);
  const patches = () => fake.requests.filter(({ method }) => method === "PATCH").length;
  const references = async (name: string) =>
    objectsAt(await client.get({ ...inDefault, name }), "metadata", "ownerReferences");
  const owned = async (name: string, list: JsonObject[]): Promise<OwnedRecord> => {
    const created = await client.create(inDefault, configMap(name, list));
    const [record] = ownedRecord(configMaps, created);
    assert(record);
    return record;
  };
  return { client, fake, send, patches, references, owned };
}

suite("a scan for owned objects", () => {
  test("covers every resource that can be listed and patched, each once, and tells what does not answer", async (t) => {
    const { fake, send } = await world(t, {
      "/apis": {
        groups: [
          group("apps", "v1beta1", "v1"),
          group("projectcalico.org", "v3"),
          group("crd.projectcalico.org", "v1"),
          group("down.example.org", "v1"),
          group("events.k8s.io", "v1"),
        ],
      },
      "/api/v1": {
        resources: [
          resource("secrets", "list", "patch"),
          resource("pods", "list", "patch"),
          resource("pods/status", "patch"),
          resource("events", "list", "patch"),
          resource("bindings", "create"),
        ],
      },
      "/apis/apps/v1": { resources: [resource("deployments", "list", "patch")] },
      "/apis/apps/v1beta1": {
        resources: [resource("deployments", "list", "patch"), resource("old", "list", "patch")],
      },
      "/apis/events.k8s.io/v1": { resources: [resource("events", "list", "patch")] },
    });
    fake.inject({ path: "/apis/down.example.org/v1", answer: failure(503, "ServiceUnavailable", "down") });
    const { resources, unread } = await scannedResources(send);
    assert.deepEqual(
      resources.map(({ apiVersion, plural }) => `${apiVersion}/${plural}`),
      ["apps/v1/deployments", "apps/v1beta1/old", "v1/pods", "v1/secrets"],
    );
    assert.deepEqual(
      unread.map(({ subject }) => subject),
      ["down.example.org/v1"],
    );
    assert(!fake.requests.some(({ path }) => path.includes("projectcalico.org")));
  });

  test("gives a page's objects with references to Calico, and goes on where a token has expired", async (t) => {
    const { client, fake, send } = await world(t);
    await client.create(inDefault, configMap("a", [reference("x", "v1"), reference("y")]));
    await client.create(inDefault, configMap("b", [reference("x", "v1")]));
    const expired = failure(410, "Expired", "too old");
    const again = { ...expired.body, metadata: { continue: "v1|configmaps|default|a" } };
    fake.inject({ answer: { ...expired, body: again } });
    assert.deepEqual((await ownedPage(send, configMaps, "old")).records, []);
    fake.inject({ answer: expired });
    const { records, continueToken } = await ownedPage(send, configMaps, "old");
    assert.equal(continueToken, undefined);
    assert.deepEqual(
      records.map(({ namespace, name, references }) => [namespace, name, references]),
      [["default", "a", [{ at: 1, reference: reference("y") }]]],
    );
  });

  test("tells a resource that may not be read, and fails where trying again may help", async (t) => {
    const { fake, send } = await world(t);
    fake.inject({ answer: failure(403, "Forbidden", "no") });
    const { unread } = await ownedPage(send, configMaps);
    assert.equal(unread?.subject, "v1/configmaps");
    fake.inject({ answer: failure(500, "InternalError", "etcd") });
    await assert.rejects(ownedPage(send, configMaps), { code: "KUBERNETES_SERVER_ERROR" });
  });
});

suite("references to Calico objects", () => {
  const foreign = reference("f", "v1");

  test("are taken off, also when others write meanwhile or the answer was lost, and only once", async (t) => {
    const { fake, send, patches, references, owned } = await world(t);
    const record = await owned("a", [reference("x"), foreign, reference("y")]);
    fake.inject({ method: "PATCH", answer: failure(409, "Conflict", "changed"), times: 2 });
    fake.inject({ method: "PATCH", cut: "after" });
    await assert.rejects(releaseOwners(send, record), { code: "KUBERNETES_CONNECTION_LOST" });
    assert.deepEqual(await releaseOwners(send, record), { outcome: "released" });
    assert.deepEqual(await references("a"), [foreign]);
    assert.equal(patches(), 3);
  });

  test("that the record does not know are recorded before anything is taken off", async (t) => {
    const { client, send, patches, references, owned } = await world(t);
    const record = await owned("a", [reference("x"), foreign]);
    const list = [foreign, reference("new")];
    await client.patch(
      { ...inDefault, name: "a" },
      { metadata: { ownerReferences: list } },
      { type: "merge" },
    );
    const answer = await releaseOwners(send, record);
    assert(answer.outcome === "changed");
    assert.deepEqual(
      answer.record.references.map(({ reference: { uid } }) => uid),
      ["x", "new"],
    );
    assert.equal(patches(), 1, "nothing was written but by the other");
    assert.deepEqual(await releaseOwners(send, answer.record), { outcome: "released" });
    assert.deepEqual(await references("a"), [foreign]);
  });

  test("of an object that is gone, or has given its name to another, are let be", async (t) => {
    const { client, send, patches, owned } = await world(t);
    const record = await owned("a", [reference("x")]);
    await client.delete({ ...inDefault, name: "a" });
    assert.deepEqual(await releaseOwners(send, record), { outcome: "gone" });
    await owned("a", [reference("x")]);
    assert.deepEqual(await releaseOwners(send, record), { outcome: "gone" });
    assert.deepEqual(await restoreOwners(send, record, (old) => old), { outcome: "gone" });
    assert.equal(patches(), 0);
  });

  test("are put back to the owners of now, once, and to their own to undo", async (t) => {
    const { fake, send, patches, references, owned } = await world(t);
    const record = await owned("a", [reference("x"), foreign, reference("lost")]);
    await releaseOwners(send, record);
    const ownerOf = (old: { uid: string }) => (old.uid === "x" ? reference("new-x") : undefined);
    fake.inject({ method: "PATCH", cut: "after" });
    await assert.rejects(restoreOwners(send, record, ownerOf));
    const answer = await restoreOwners(send, record, ownerOf);
    assert(answer.outcome === "restored");
    assert.deepEqual(
      answer.missing.map((one) => textAt(one, "uid")),
      ["lost"],
    );
    assert.deepEqual(await references("a"), [reference("new-x"), foreign]);
    assert.equal(patches(), 2);

    const undone = await owned("b", [reference("x"), foreign]);
    await releaseOwners(send, undone);
    await restoreOwners(send, undone, (old) => old);
    assert.deepEqual(await references("b"), [reference("x"), foreign]);
  });
});
