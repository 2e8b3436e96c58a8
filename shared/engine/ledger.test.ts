import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aCheckpoint } from "./contract/fixtures.ts";
import { LeaseLostError } from "./errors.ts";
import { openLedger, ledgerPages } from "./ledger.ts";
import type { CheckpointQuery } from "./ports.ts";
import type { Checkpoint } from "./records.ts";
import { withRig } from "./testing/rig.ts";

async function withLedger(
  keys: readonly string[],
  body: (ledger: ReturnType<typeof openLedger>) => Promise<void>,
): Promise<void> {
  await withRig(null, [], async ({ ports: { store } }) => {
    const lease = await store.acquireLease("run/r1", "worker", 30_000);
    assert.ok(lease);
    const ledger = openLedger(store, "r1", "resources", () => lease);
    await ledger.put(keys.map((key) => aCheckpoint(key, { rank: key.length })));
    await body(ledger);
  });
}

async function pagesOf(ledger: ReturnType<typeof openLedger>, query: CheckpointQuery): Promise<string[][]> {
  const pages: string[][] = [];
  for await (const page of ledgerPages(ledger, query)) pages.push(page.map(({ key }) => key));
  return pages;
}

describe("openLedger", () => {
  test("writes under the lease of the moment of each write", () =>
    withRig(null, [], async ({ ports: { store } }) => {
      const ledger = openLedger(store, "r1", "resources", () => {
        throw new LeaseLostError("run/r1");
      });

      await assert.rejects(ledger.put([aCheckpoint("a")]), LeaseLostError);
      assert.deepEqual(await ledger.count(), {});
    }));

  test("keeps runs and names apart", () =>
    withRig(null, [], async ({ ports: { store } }) => {
      const lease = await store.acquireLease("run/r1", "worker", 30_000);
      assert.ok(lease);
      await openLedger(store, "r1", "resources", () => lease).put([aCheckpoint("a")]);

      assert.deepEqual(await openLedger(store, "r1", "nodes", () => lease).list({ limit: 9 }), []);
      assert.deepEqual(await openLedger(store, "r2", "resources", () => lease).list({ limit: 9 }), []);
    }));
});

describe("ledgerPages", () => {
  test("walks rank by rank, then key by key, each checkpoint once", () =>
    withLedger(["c", "aa", "b", "a", "bb"], async (ledger) => {
      assert.deepEqual(await pagesOf(ledger, { limit: 2 }), [["a", "b"], ["c", "aa"], ["bb"]]);
    }));

  test("ends after a last page that is full, and at once where there is nothing", () =>
    withLedger(["a", "b"], async (ledger) => {
      assert.deepEqual(await pagesOf(ledger, { limit: 2 }), [["a", "b"]]);
      assert.deepEqual(await pagesOf(ledger, { limit: 2, rank: 9 }), []);
    }));

  test("may start after a checkpoint and keep to a rank", () =>
    withLedger(["a", "b", "c", "aa"], async (ledger) => {
      assert.deepEqual(await pagesOf(ledger, { limit: 9, rank: 1, after: { rank: 1, key: "a" } }), [
        ["b", "c"],
      ]);
    }));

  test("goes on where it was when what it visits changes its state meanwhile", () =>
    withLedger(["a", "b", "c", "d"], async (ledger) => {
      const visited: string[] = [];
      for await (const page of ledgerPages(ledger, { limit: 1, states: ["pending"] })) {
        visited.push(...page.map(({ key }) => key));
        await ledger.put(page.map((checkpoint): Checkpoint => ({ ...checkpoint, state: "applied" })));
      }

      assert.deepEqual(visited, ["a", "b", "c", "d"]);
    }));
});
