import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { objectAt, objectsAt, textAt } from "./fields.ts";
import { closeSecondVersions, openSecondVersions, secondVersionStates } from "./second-version-calls.ts";
import { secondVersion, withoutSecondVersion, withSecondVersion } from "./second-version.ts";
import { connectFake } from "./testing/connect-fake.ts";
import { failure } from "./testing/fake-store.ts";
import type { Send } from "./types.ts";

const crds = { apiVersion: "apiextensions.k8s.io/v1", plural: "customresourcedefinitions" };
const name = "tiers.projectcalico.org";

function crd(versions: JsonObject[] = [v3()], extra: JsonObject = {}): JsonObject {
  const conditions = ["NamesAccepted", "Established"].map((type) => ({ type, status: "True" }));
  return {
    metadata: { name, uid: "u", resourceVersion: "7" },
    spec: { group: "projectcalico.org", names: { plural: "tiers" }, versions, ...extra },
    status: { conditions, storedVersions: ["v3"] },
  };
}

function v3(schema: JsonObject = { type: "object" }): JsonObject {
  return {
    name: "v3",
    served: true,
    storage: true,
    deprecated: true,
    deprecationWarning: "old",
    schema: { openAPIV3Schema: schema },
    subresources: { status: {} },
    additionalPrinterColumns: [{ name: "Order", type: "integer", jsonPath: ".spec.order" }],
  };
}

function patched(object: JsonObject, patch: JsonObject | undefined): JsonObject {
  const spec = { ...objectAt(object, "spec"), ...objectAt(patch ?? {}, "spec") };
  return { ...object, spec };
}

suite("the second version", () => {
  test("is a served copy of v3 that is not stored, and goes without a trace", () => {
    const before = crd([v3(), { name: "v1", served: false, storage: false }]);
    const patch = withSecondVersion(before);
    assert.deepEqual(objectAt(patch ?? {}, "metadata"), { uid: "u", resourceVersion: "7" });
    const opened = patched(before, patch);
    const { deprecated, deprecationWarning, ...copied } = v3();
    assert.deepEqual(objectsAt(opened, "spec", "versions"), [
      ...objectsAt(before, "spec", "versions"),
      { ...copied, name: "v3precopy", storage: false },
    ]);
    assert.equal(secondVersion(opened).state, "open");
    assert.equal(withSecondVersion(opened), undefined);
    assert.deepEqual(patched(opened, withoutSecondVersion(opened)), before);
    assert.equal(withoutSecondVersion(before), undefined);
  });

  test("is stale when v3 has changed since, and is made anew", () => {
    const opened = patched(crd(), withSecondVersion(crd()));
    const [, second = {}] = objectsAt(opened, "spec", "versions");
    const changed = crd([v3({ type: "object", description: "newer" }), second]);
    assert.equal(secondVersion(changed).state, "stale");
    assert.equal(secondVersion(patched(changed, withSecondVersion(changed))).state, "open");
    assert.equal(secondVersion(crd([v3(), { ...second, served: false }])).state, "stale");
  });

  test("is impossible where objects would not be v3 objects", () => {
    const reasons = [
      crd([v3()], { conversion: { strategy: "Webhook" } }),
      crd([
        { ...v3(), storage: false },
        { name: "v4", served: true, storage: true },
      ]),
      crd([{ ...v3(), served: false }]),
      { ...crd(), status: {} },
    ].map((object) => secondVersion(object));
    assert.deepEqual(
      reasons.map(({ state }) => state),
      ["impossible", "impossible", "impossible", "impossible"],
    );
  });
});

suite("second versions of a cluster", () => {
  async function world(t: Parameters<typeof connectFake>[0]) {
    const { client, fake } = await connectFake(t);
    const send: Send = (request) => request(client);
    const stored = () => fake.store.all("customresourcedefinitions")[0] ?? {};
    const versions = () => objectsAt(stored(), "spec", "versions").map((version) => textAt(version, "name"));
    const writes = () => fake.requests.filter(({ method }) => method === "PATCH").length;
    return { client, fake, send, versions, writes };
  }
  const options = { fieldManager: "calico-migrator:r" };

  test("are opened once, told while not served yet, and noticed when lost", async (t) => {
    const { client, fake, send, versions, writes } = await world(t);
    await client.create(crds, crd());
    fake.inject({ path: "v3precopy", answer: failure(404, "NotFound", "not yet") });
    const opening = await openSecondVersions(send, [name], options);
    assert.deepEqual(opening, [{ name, state: "opening", reason: "" }]);
    assert.deepEqual(versions(), ["v3", "v3precopy"]);
    assert.equal((await openSecondVersions(send, [name], options))[0]?.state, "served");
    assert.equal(writes(), 1);
    await client.patch({ ...crds, name }, { spec: { versions: [v3()] } }, { type: "merge" });
    assert.equal((await secondVersionStates(send, [name]))[0]?.state, "closed");
  });

  test("are not opened when one of them cannot be", async (t) => {
    const { client, send, writes } = await world(t);
    await client.create(crds, crd());
    const states = await openSecondVersions(send, [name, "bgppeers.projectcalico.org"], options);
    assert.deepEqual(
      states.map(({ state }) => state),
      ["closed", "absent"],
    );
    assert.equal(writes(), 0);
  });

  test("are opened and closed when somebody writes to the definition at the same moment", async (t) => {
    const { client, fake, send, versions } = await world(t);
    await client.create(crds, crd());
    const conflict = failure(409, "Conflict", "changed");
    fake.inject({ method: "PATCH", answer: conflict, times: 2 });
    await openSecondVersions(send, [name], options);
    assert.deepEqual(versions(), ["v3", "v3precopy"]);
    fake.inject({ method: "PATCH", answer: conflict, times: 2 });
    await closeSecondVersions(send, [name], options);
    assert.deepEqual(versions(), ["v3"]);
  });

  test("leave the field manager on what it has applied, and nowhere else", async (t) => {
    const { client, send } = await world(t);
    const entry = (manager: string, operation: string) => ({ manager, operation });
    const kept = [entry("calico-migrator:r", "Apply"), entry("kubectl", "Update")];
    const managedFields = [...kept, entry("calico-migrator:r", "Update")];
    await client.create(crds, { ...crd(), metadata: { ...objectAt(crd(), "metadata"), managedFields } });
    await closeSecondVersions(send, [name], options);
    const closed = await client.get({ ...crds, name });
    assert.deepEqual(objectsAt(closed, "metadata", "managedFields"), kept);
  });

  test("are not closed while objects are stored under them, until these are rewritten as the error says", async (t) => {
    const { client, send, versions } = await world(t);
    const opened = patched(crd(), withSecondVersion(crd()));
    const status = { ...objectAt(opened, "status"), storedVersions: ["v3", "v3precopy"] };
    const stored = objectsAt(opened, "spec", "versions");
    const swapped = stored.map((one) => ({ ...one, storage: one["name"] === "v3precopy" }));
    await client.create(crds, {
      ...opened,
      spec: { ...objectAt(opened, "spec"), versions: swapped },
      status,
    });
    const next =
      /^Make v3 the stored version of tiers\.projectcalico\.org again .*kubectl get tiers\.v3precopy\.projectcalico\.org -A .* take v3precopy out of its status\.storedVersions .* Then `resume`\.$/;
    await assert.rejects(closeSecondVersions(send, [name], options), { code: "SECOND_VERSION_STORED", next });
    assert.deepEqual(versions(), ["v3", "v3precopy"]);
    await client.patch({ ...crds, name }, { spec: { versions: stored } }, { type: "merge" });
    await assert.rejects(closeSecondVersions(send, [name], options), { code: "SECOND_VERSION_STORED" });
    await client.patch({ ...crds, name }, { status: { storedVersions: ["v3"] } }, { type: "merge" });
    await closeSecondVersions(send, [name], options);
    assert.deepEqual(versions(), ["v3"]);
  });
});
