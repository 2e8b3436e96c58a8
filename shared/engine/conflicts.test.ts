import assert from "node:assert/strict";
import { test } from "node:test";
import { type Conflict, conflictKey, conflictsOf, conflictSince, fingerprint } from "./conflicts.ts";
import { aCheckpoint, aControl, aRun, take } from "./contract/fixtures.ts";
import type { Checkpoint } from "./records.ts";
import { withRig } from "./testing/rig.ts";

function conflicting(key: string): Checkpoint {
  const conflict = { key: `Tier/${key}`, kind: "Tier", seen: "x", since: 4, differences: [], more: false };
  return aCheckpoint(key, { state: "conflict", detail: { reason: "it differs", conflict } });
}

async function listOf(rows: readonly Checkpoint[]): Promise<Conflict[]> {
  let found: Conflict[] = [];
  await withRig(null, [], async ({ ports: { store } }) => {
    await store.createRun(aRun(), aControl());
    const lease = await take(store);
    await store.putCheckpoints("r1", "resources", rows, lease);
    found = await Array.fromAsync(conflictsOf(store, "r1"));
  });
  return found;
}

test("all conflicts of a run are listed, however many, and nothing else", async () => {
  const rows = Array.from({ length: 1_203 }, (_, n) => conflicting(`t${n}`));

  const found = await listOf([...rows, aCheckpoint("fine", { state: "applied" })]);

  assert.deepEqual(found.map(({ key }) => key).toSorted(), rows.map(({ key }) => `Tier/${key}`).toSorted());
  assert.deepEqual([found[0]?.target, found[0]?.reason], ["target of t0", "it differs"]);
});

test("a conflict of an older version is listed by its target", async () => {
  const [found] = await listOf([
    aCheckpoint("a", { state: "conflict", detail: { kind: "Tier", reason: "r" } }),
  ]);

  assert.deepEqual([found?.key, found?.kind, found?.reason], ["target of a", "Tier", "r"]);
});

test("a conflict is as old as what both sides mean", () => {
  assert.equal(conflictSince(conflicting("a"), "x", 9), 4);
  assert.equal(conflictSince(conflicting("a"), "y", 9), 9);
  assert.equal(conflictSince(aCheckpoint("a"), "x", 9), 9);
  assert.notEqual(fingerprint("a", "b"), fingerprint("b", "a"));
});

test("keys name the object", () => {
  assert.equal(conflictKey({ kind: "Tier", name: "a" }), "Tier/a");
  assert.equal(
    conflictKey({ kind: "NetworkPolicy", namespace: "shop", name: "a.b" }),
    "NetworkPolicy/shop/a.b",
  );
});
