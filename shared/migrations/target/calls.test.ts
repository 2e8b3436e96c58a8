import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { AnyContext } from "../context.ts";
import { FakeKubernetes } from "../testing/fake-kubernetes.ts";
import { contextOn } from "../testing/plain-context.ts";
import { deleteCopy, deleteTarget, readTarget } from "./calls.ts";

const TIERS = { apiVersion: "projectcalico.org/v3", plural: "tiers" };
const REF = { ...TIERS, name: "security" };
const FINALIZERS = ["projectcalico.org/tier-controller"];

async function withTier(
  metadata: JsonObject,
): Promise<{ kubernetes: FakeKubernetes; context: AnyContext; uid: string }> {
  const kubernetes = new FakeKubernetes();
  const body = { apiVersion: TIERS.apiVersion, kind: "Tier", metadata: { name: REF.name, ...metadata } };
  const created = await kubernetes.create(TIERS, body);
  return { kubernetes, context: contextOn(kubernetes), uid: textAt(created, "metadata", "uid") };
}

suite("deleting", () => {
  test("leaves an object that is held by its finalizers, and tells so", async () => {
    const { context, uid } = await withTier({ finalizers: FINALIZERS });
    const held = await deleteTarget(context, REF, uid);
    assert.notEqual(textAt(held ?? {}, "metadata", "deletionTimestamp"), "");
    assert.notEqual(await readTarget(context, REF), undefined);
  });

  test("a copy goes through finalizers that nobody attends to any more", async () => {
    const { context, uid } = await withTier({ finalizers: FINALIZERS });
    await deleteCopy(context, REF, uid);
    assert.equal(await readTarget(context, REF), undefined);
  });

  test("a copy goes on where it was interrupted before its finalizers were off", async () => {
    const { context, uid } = await withTier({ finalizers: FINALIZERS });
    await deleteTarget(context, REF, uid);
    await deleteCopy(context, REF, uid);
    assert.equal(await readTarget(context, REF), undefined);
  });

  test("a copy leaves another object of the name alone", async () => {
    const { context } = await withTier({ finalizers: FINALIZERS });
    await deleteCopy(context, REF, "another");
    const found = await readTarget(context, REF);
    assert.deepEqual(found?.["metadata"] && textAt(found, "metadata", "deletionTimestamp"), "");
  });
});
