import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../../json.ts";
import { calicoReferences, OwnedRecord, ownerReferences, restoredReferences } from "./references.ts";

const native = "projectcalico.org/v3";

function reference(apiVersion: string, uid: string, flags: JsonObject = {}) {
  return { apiVersion, kind: "Tier", name: `n-${uid}`, uid, ...flags };
}

function object(references: JsonObject[]): JsonObject {
  return { metadata: { name: "o", uid: "u", resourceVersion: "1", ownerReferences: references } };
}

function renewed({ uid }: { uid: string }) {
  return uid.startsWith("new-") ? undefined : reference(native, `new-${uid}`);
}

suite("references to Calico objects", () => {
  test("are those of both groups, whatever the version, and no others", () => {
    const groups = [
      native,
      "v1",
      "crd.projectcalico.org/v1",
      "operator.tigera.io/v1",
      "projectcalico.org/v3precopy",
      "policy.projectcalico.org/v1",
      "notprojectcalico.org/v3",
    ];
    const found = calicoReferences(object(groups.map((group, n) => reference(group, `${n}`))));
    assert.deepEqual(
      found.map(({ at }) => at),
      [0, 2, 4],
    );
  });

  test("come back to their places with their flags and new owners, among what others have added", () => {
    const list = [
      reference("v1", "a"),
      reference("crd.projectcalico.org/v1", "b", { blockOwnerDeletion: true }),
      reference("v1", "c"),
      reference(native, "d", { controller: true }),
    ];
    const saved = calicoReferences(object(list));
    const present = object([reference("v1", "a"), reference("v1", "c"), reference("v1", "z")]);
    const { references, missing, demoted } = restoredReferences(present, saved, renewed);
    assert.deepEqual(references, [
      reference("v1", "a"),
      reference(native, "new-b", { blockOwnerDeletion: true }),
      reference("v1", "c"),
      reference(native, "new-d", { controller: true }),
      reference("v1", "z"),
    ]);
    assert.deepEqual([missing, demoted], [[], []]);
  });

  test("stay off where the owner is not known, and are no controller beside another", () => {
    const saved = calicoReferences(
      object([reference(native, "a", { controller: true }), reference(native, "lost")]),
    );
    const present = object([reference("v1", "z", { controller: true })]);
    const ownerOf = (old: { uid: string }) => (old.uid === "lost" ? undefined : renewed(old));
    const { references, missing, demoted } = restoredReferences(present, saved, ownerOf);
    assert.deepEqual(references, [
      reference(native, "new-a", { controller: false }),
      reference("v1", "z", { controller: true }),
    ]);
    assert.deepEqual([missing.length, demoted.length], [1, 1]);
  });

  test("that somebody has put back to an old owner get their new one, once", () => {
    const saved = calicoReferences(object([reference(native, "a")]));
    const present = object([
      reference(native, "a"),
      reference(native, "new-a"),
      reference(native, "unknown"),
    ]);
    const ownerOf = (old: { uid: string }) => (old.uid === "a" ? renewed(old) : undefined);
    assert.deepEqual(restoredReferences(present, saved, ownerOf).references, [
      reference(native, "new-a"),
      reference(native, "unknown"),
    ]);
  });

  test("are the same after taking off and putting back, and after putting back twice", () => {
    const one = fc.record({
      apiVersion: fc.constantFrom(native, "crd.projectcalico.org/v1", "v1", "apps/v1"),
      kind: fc.constant("Tier"),
      name: fc.constant("n"),
      uid: fc.uuid(),
      blockOwnerDeletion: fc.boolean(),
    });
    const lists = fc.uniqueArray(one, { selector: ({ uid }) => uid, maxLength: 8 });
    fc.assert(
      fc.property(lists, (list) => {
        const saved = calicoReferences(object(list));
        assert.deepEqual(OwnedRecord.shape.references.parse(JSON.parse(JSON.stringify(saved))), saved);
        const off = new Set(saved.map(({ reference: { uid } }) => uid));
        const released = object(list.filter(({ uid }) => !off.has(uid)));
        const undone = restoredReferences(released, saved, (old) => old);
        assert.deepEqual(undone.references, ownerReferences(object(list)));
        const once = restoredReferences(released, saved, renewed).references;
        assert.deepEqual(restoredReferences(object(once), saved, renewed).references, once);
      }),
    );
  });
});
