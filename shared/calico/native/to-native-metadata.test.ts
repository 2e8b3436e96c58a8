import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json, JsonObject } from "../../json.ts";
import { nativeId } from "./native-ids.ts";
import { carried, SHOWN_UID, V1_UID, v1Object } from "./testing/v1-objects.ts";

describe("names", () => {
  const name = (v1: JsonObject): string => carried(v1).target.name;
  const policy = (path: string, spec: JsonObject, stored?: JsonObject): JsonObject =>
    v1Object("GlobalNetworkPolicy", path, spec, stored);
  const cases: readonly (readonly [name: string, v1: JsonObject])[] = [
    ["web", policy("default.web", {}, { name: "web" })],
    ["default.web", policy("default.web", {}, { name: "default.web" })],
    ["web", policy("default.web", { tier: "default" })],
    ["default.web", policy("default.default.web", { tier: "" })],
    ["secure.web", policy("secure.web", { tier: "secure" })],
    ["default.web", policy("default.web", { tier: "secure" })],
    ["default.office", v1Object("GlobalNetworkSet", "default.office", {})],
    ["renamed", v1Object("GlobalNetworkSet", "office", {}, { name: "renamed" })],
    ["knp.default.web", v1Object("StagedKubernetesNetworkPolicy", "shop/knp.default.web", {})],
  ];
  for (const [expected, v1] of cases) {
    test(`${JSON.stringify(v1.metadata).slice(9, 40)} becomes ${expected}`, () => {
      assert.equal(name(v1), expected);
    });
  }

  test("a policy that Calico did not write keeps the name that the aggregated API shows", () => {
    const metadata = { annotations: { note: "x" } };
    const v1 = v1Object("GlobalNetworkPolicy", "default.web", {}, null, metadata);
    assert.equal(name(v1), "default.web");
  });

  test("two v1 objects that get one name get one id", () => {
    const id = (v1: JsonObject): string => {
      const { kind, target } = carried(v1);
      return nativeId(kind, target.namespace, target.name);
    };
    assert.equal(id(policy("default.web", {})), id(policy("web", {})));
    const handle = (handleID: string): JsonObject =>
      v1Object("IPAMHandle", handleID.toLowerCase(), { handleID, block: {} });
    assert.equal(id(handle("pod.AB")), id(handle("pod.ab")));
  });

  test("a block is named after its network, whatever the object is called", () => {
    const v1 = v1Object("IPAMBlock", "other", { cidr: "fd00:2::/122" });
    assert.equal(name(v1), "fd00-2---122");
  });
});

describe("metadata", () => {
  const set = (stored: JsonObject | null, metadata: JsonObject): JsonObject =>
    v1Object("GlobalNetworkSet", "office", {}, stored, metadata);

  test("the annotation goes over the object's own labels and annotations", () => {
    const v1 = set(
      { labels: { role: "inner", team: "web" }, annotations: { note: "inner" }, finalizers: ["calico/f"] },
      {
        labels: { role: "outer", zone: "z" },
        annotations: { note: "outer", "example.com/x": "1" },
        finalizers: ["own/f"],
      },
    );
    assert.deepEqual(carried(v1).object.metadata, {
      name: "office",
      labels: { role: "inner", team: "web", zone: "z" },
      annotations: { "example.com/x": "1", note: "inner" },
      finalizers: ["calico/f"],
    });
  });

  test("without an annotation the object's own counts", () => {
    const v1 = set(null, { labels: { role: "outer" }, finalizers: ["own/f"] });
    assert.deepEqual(carried(v1).object.metadata, {
      name: "office",
      labels: { role: "outer" },
      finalizers: ["own/f"],
    });
  });

  test("an annotation of null counts as an empty one", () => {
    const v1 = set(null, {
      annotations: { "projectcalico.org/metadata": "null" },
      finalizers: ["own/f"],
    });
    assert.deepEqual(carried(v1).object.metadata, { name: "office" });
  });

  test("the tier label follows the tier", () => {
    const v1 = v1Object(
      "NetworkPolicy",
      "shop/a",
      { tier: "secure" },
      { labels: { "projectcalico.org/tier": "x" } },
    );
    assert.deepEqual(carried(v1).object.metadata.labels, { "projectcalico.org/tier": "secure" });
  });
});

describe("owners", () => {
  const stored = [
    { apiVersion: "crd.projectcalico.org/v1", kind: "IPAMConfig", name: "t", uid: V1_UID, controller: true },
    {
      apiVersion: "projectcalico.org/v3",
      kind: "Tier",
      name: "old",
      uid: "11111111-0506-4708-8910-111213141516",
    },
    { apiVersion: "v1", kind: "Namespace", name: "shop", uid: "2" },
  ];
  const own = [
    {
      apiVersion: "projectcalico.org/v3",
      kind: "Tier",
      name: "own",
      uid: "22222222-0506-4708-8910-111213141516",
    },
    { apiVersion: "v1", kind: "Namespace", name: "shop", uid: "2" },
    { apiVersion: "migration.projectcalico.org/v1", kind: "DatastoreMigration", name: "m", uid: "3" },
  ];
  const v1 = v1Object("NetworkSet", "shop/a", {}, { ownerReferences: stored }, { ownerReferences: own });
  const shownTier = {
    apiVersion: "projectcalico.org/v3",
    kind: "IPAMConfiguration",
    name: "t",
    uid: SHOWN_UID,
  };

  test("those that Calico stores are handed over apart, as the aggregated API shows them", () => {
    assert.deepEqual(carried(v1).calicoOwners, [
      { ...shownTier, controller: true },
      { ...stored[1], uid: "88888888-a060-4710-8908-8848c828a868" },
      own[0],
    ]);
  });

  test("others stay on the object, those on the v1 object itself among them", () => {
    assert.deepEqual(carried(v1).object.metadata.ownerReferences, [stored[2], own[2]]);
  });

  test("on an object that Calico did not write, references to v1 objects are shown by their aggregated UID", () => {
    const bare = v1Object("NetworkSet", "shop/a", {}, null, {
      ownerReferences: stored.slice(0, 1) as Json[],
    });
    assert.deepEqual(carried(bare).calicoOwners, [{ ...shownTier, controller: true }]);
  });
});
