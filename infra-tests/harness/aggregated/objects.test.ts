import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../shared/json.ts";
import { textAt } from "../../../shared/kubernetes/fields.ts";
import { SERVED_KINDS } from "./kinds.ts";
import { Unreadable } from "./metadata.ts";
import { shown, stored } from "./objects.ts";

const UID = "01000000-0000-4000-8000-000000000080";
const SHOWN_UID = "80000000-0000-4000-8000-000000000001";

function served(plural: string) {
  const kind = SERVED_KINDS.get(plural);
  assert.ok(kind);
  return kind;
}

const annotated = (inner: unknown, more: JsonObject = {}): JsonObject => ({
  name: "default.web",
  namespace: "shop",
  uid: UID,
  resourceVersion: "7",
  annotations: { "projectcalico.org/metadata": JSON.stringify(inner) },
  ...more,
});

const policy = (metadata: JsonObject, spec: JsonObject = {}): JsonObject =>
  shown(
    { kind: "NetworkPolicy", apiVersion: "crd.projectcalico.org/v1", metadata, spec },
    served("networkpolicies"),
  );

const metadataOf = (object: JsonObject) => object["metadata"] as JsonObject;

test("blocks and handles are not served, as by Calico's own server, and IPAM's configuration has its other name", () => {
  assert.equal(SERVED_KINDS.has("ipamblocks"), false);
  assert.equal(SERVED_KINDS.has("ipamhandles"), false);
  assert.equal(served("ipamconfigurations").storedPlural, "ipamconfigs");
});

test("the UID is another one, and the same again on the way back", () => {
  const object = policy(annotated({ name: "web" }));
  assert.equal(metadataOf(object)["uid"], SHOWN_UID);
  assert.equal(metadataOf(stored(object, served("networkpolicies")))["uid"], UID);
});

test("a policy is shown under the name in its annotation, else without the prefix of the default tier", () => {
  assert.equal(metadataOf(policy(annotated({ name: "kept" })))["name"], "kept");
  assert.equal(metadataOf(policy(annotated({})))["name"], "web");
  assert.equal(metadataOf(policy(annotated({}), { tier: "security" }))["name"], "default.web");
});

test("without the annotation the name stays, and the object's own labels and owners are shown", () => {
  const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "a", uid: UID }];
  const metadata = metadataOf(policy({ name: "default.web", uid: UID, labels: { a: "b" }, ownerReferences }));
  assert.equal(metadata["name"], "default.web");
  assert.deepEqual(metadata["labels"], { a: "b", "projectcalico.org/tier": "default" });
  assert.deepEqual(metadata["ownerReferences"], ownerReferences);
});

test("labels of the annotation win over those of the object, and owners come out of the annotation only", () => {
  const owner = (apiVersion: string, uid: string) => ({ apiVersion, kind: "Tier", name: "t", uid });
  const foreign = { apiVersion: "v1", kind: "ConfigMap", name: "c", uid: UID };
  const inner = {
    labels: { a: "inner" },
    ownerReferences: [owner("crd.projectcalico.org/v1", UID), owner("projectcalico.org/v3", UID), foreign],
  };
  const outer = { labels: { a: "outer", b: "outer" }, ownerReferences: [foreign] };
  const metadata = metadataOf(policy(annotated(inner, outer), { tier: "t" }));
  assert.deepEqual(metadata["labels"], { a: "inner", b: "outer", "projectcalico.org/tier": "t" });
  const native = owner("projectcalico.org/v3", SHOWN_UID);
  assert.deepEqual(metadata["ownerReferences"], [native, native, foreign]);
});

test("an object whose annotation is not JSON cannot be read", () => {
  const annotations = { "projectcalico.org/metadata": "{" };
  assert.throws(() => policy({ name: "web", uid: UID, annotations }), Unreadable);
});

test("what is written gets the annotation, the label of its tier and its types", () => {
  const object = stored(
    {
      kind: "GlobalNetworkPolicy",
      apiVersion: "projectcalico.org/v3",
      metadata: { name: "web", labels: { app: "web" }, annotations: { note: "x" } },
      spec: { tier: "security", egress: [{ action: "Allow" }] },
    },
    served("globalnetworkpolicies"),
  );
  assert.deepEqual(object["spec"], { tier: "security", egress: [{ action: "Allow" }], types: ["Egress"] });
  const { annotations, ...metadata } = metadataOf(object);
  assert.deepEqual(metadata, { name: "web", labels: { "projectcalico.org/tier": "security" } });
  assert.deepEqual(JSON.parse(textAt({ annotations }, "annotations", "projectcalico.org/metadata")), {
    name: "web",
    labels: { app: "web", "projectcalico.org/tier": "security" },
    annotations: { note: "x" },
  });
});

test("an affinity's deletion is a text in the old group and true or false in the new one", () => {
  const kind = served("blockaffinities");
  const object = shown({ metadata: { name: "a", uid: UID }, spec: { deleted: "true" } }, kind);
  assert.deepEqual(object["spec"], { deleted: true });
  assert.deepEqual(stored(object, kind)["spec"], { deleted: "true" });
});

test("a lock that is written is the lock that is stored", () => {
  const kind = served("clusterinformations");
  const metadata = { name: "default" };
  assert.deepEqual(stored({ metadata, spec: { datastoreReady: true } }, kind)["spec"], {
    datastoreReady: true,
  });
});
