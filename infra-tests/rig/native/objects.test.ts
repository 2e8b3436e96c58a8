import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { KINDS } from "../../../shared/calico/kinds.ts";
import { METADATA_ANNOTATION } from "../../../shared/calico/metadata.ts";
import { targetId } from "../../../shared/calico/target.ts";
import { objectAt, objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { type OldObject, oldObjects } from "./objects.ts";
import { dependants, OldUids, owned, ownerOf } from "./owners.ts";
import { planNative } from "./plan.ts";

const objects = (resources: number) => [...oldObjects(planNative(resources))];
const idOf = ({ kind, target }: OldObject) => `${kind}/${target.namespace ?? ""}/${target.name}`;

test("there are exactly as many objects as asked for, each with a name of its own, the same every time", () => {
  for (const resources of [100, 333, 2_000]) {
    const made = objects(resources);
    assert.equal(made.length, resources);
    assert.equal(new Set(made.map(({ target }) => targetId(target))).size, resources);
  }
  const digest = () =>
    createHash("sha256")
      .update(JSON.stringify(objects(333)))
      .digest("hex");
  assert.equal(digest(), digest());
});

test("every kind of the old group occurs in the smallest bed", () => {
  const kinds = new Set(objects(100).map(({ kind }) => kind));
  assert.deepEqual(
    KINDS.filter(({ group, kind }) => group === "crd" && !kinds.has(kind)),
    [],
  );
});

test("the shares are those that upstream was measured with", () => {
  const about = {
    GlobalNetworkPolicy: 0.1,
    NetworkPolicy: 0.27,
    IPAMHandle: 0.24,
    IPAMBlock: 0.06,
    HostEndpoint: 0.05,
  };
  const kinds = objects(1_000).map(({ kind }) => kind);
  for (const [kind, expected] of Object.entries(about)) {
    const share = kinds.filter((one) => one === kind).length / kinds.length;
    assert.ok(Math.abs(share - expected) < 0.02, kind);
  }
});

test("history shows: legacy names, policies without types, sets made by hand, released addresses, ids in upper case", () => {
  const made = objects(2_000);
  const some = (kind: string, test: (old: OldObject) => boolean) => {
    const found = made.filter((old) => old.kind === kind && test(old)).length;
    assert.ok(found > 0 && found < made.filter((old) => old.kind === kind).length, kind);
  };
  const annotation = ({ object }: OldObject) =>
    textAt(objectAt(object, "metadata", "annotations"), METADATA_ANNOTATION);
  some("NetworkPolicy", ({ target }) => target.name.startsWith("default."));
  some("NetworkPolicy", (old) => annotation(old).includes('"name"'));
  some("GlobalNetworkPolicy", ({ object }) => objectAt(object, "spec")["types"] === undefined);
  some("GlobalNetworkSet", (old) => annotation(old) === "");
  some("IPAMBlock", ({ object }) =>
    objectsAt(object, "spec", "attributes").some((one) => "releasedAt" in one),
  );
  some("IPAMHandle", ({ object }) => /[A-Z]/.test(textAt(object, "spec", "handleID")));
});

test("every handle that a block names is there", () => {
  const made = objects(1_000);
  const named = made.flatMap(({ object }) =>
    objectsAt(object, "spec", "attributes").map((attribute) => textAt(attribute, "handle_id")),
  );
  const handles = new Set(made.map(({ object }) => textAt(object, "spec", "handleID")));
  assert.deepEqual(
    named.filter((handle) => !handles.has(handle)),
    [],
  );
});

test("one object in twenty has an owner, which is there before it", () => {
  const plan = planNative(4_000);
  const made = [...oldObjects(plan)];
  const pairs = made.map((old) => ({ old, owner: ownerOf(old, plan) }));
  const free = new Set(pairs.filter(({ owner }) => owner === undefined).map(({ old }) => idOf(old)));
  const owners = pairs.map(({ owner }) => owner).filter((owner) => owner !== undefined);
  assert.ok(Math.abs(owners.length / made.length - 0.05) < 0.01, String(owners.length));
  assert.ok(owners.every(({ kind, name }) => free.has(`${kind}//${name}`)));
});

test("the dependants' owners are there, and so is the reference of an owned object", () => {
  for (const resources of [100, 1_000]) {
    const plan = planNative(resources);
    const uids = new OldUids();
    for (const old of oldObjects(plan)) uids.add(old, idOf(old));
    for (const { owner } of dependants(plan)) assert.equal(uids.of(owner), `${owner.kind}//${owner.name}`);
    for (const old of oldObjects(plan)) {
      const owner = ownerOf(old, plan);
      if (owner === undefined) continue;
      const { annotations } = objectAt(owned(old, owner, uids).object, "metadata");
      assert.ok(textAt({ annotations }, "annotations", METADATA_ANNOTATION).includes(uids.of(owner)));
    }
  }
});
