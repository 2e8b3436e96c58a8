import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CheckpointQuery, CheckpointStore } from "../ports.ts";
import type { Checkpoint, CheckpointState } from "../records.ts";
import { aCheckpoint, type OpenStore, take, withStore } from "./fixtures.ts";

export function checkpointTests(open: OpenStore): void {
  recordTests(open);
  collisionTests(open);
  pagingTests(open);
  targetTests(open);
}

function recordTests(open: OpenStore): void {
  void test(
    "checkpoints come back as they were put, and are replaced as a whole",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      const full = aCheckpoint("k", {
        state: "applied",
        sourceHash: "abc",
        targetUid: "uid",
        sourceRevision: 2 ** 40,
        detail: { kind: "IPPool", before: { spec: [1, null] }, text: "ü\u0000\n" },
      });
      const bare = aCheckpoint("k", { target: "another" });

      await store.putCheckpoints("r1", "resources", [full], lease);
      assert.deepEqual(await store.getCheckpoints("r1", "resources", [full]), [full]);

      await store.putCheckpoints("r1", "resources", [bare], lease);
      assert.deepEqual(await store.getCheckpoints("r1", "resources", [bare]), [bare]);
    }),
  );

  void test(
    "only the checkpoints that are there are got",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      await store.putCheckpoints("r1", "resources", [aCheckpoint("a"), aCheckpoint("b")], lease);

      const found = await store.getCheckpoints("r1", "resources", [
        { rank: 1, key: "a" },
        { rank: 1, key: "missing" },
        { rank: 2, key: "b" },
      ]);

      assert.deepEqual(found, [aCheckpoint("a")]);
      assert.deepEqual(await store.getCheckpoints("r1", "resources", []), []);
    }),
  );

  void test(
    "ledgers and runs are apart",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      const id = aCheckpoint("k");
      await store.putCheckpoints("r1", "resources", [aCheckpoint("k", { sourceRevision: 1 })], lease);
      await store.putCheckpoints("r1", "nodes", [aCheckpoint("k", { sourceRevision: 2 })], lease);
      await store.putCheckpoints("r2", "resources", [aCheckpoint("k", { sourceRevision: 3 })], lease);

      const revisionIn = async (runId: string, ledger: string) =>
        (await store.getCheckpoints(runId, ledger, [id]))[0]?.sourceRevision;

      assert.equal(await revisionIn("r1", "resources"), 1);
      assert.equal(await revisionIn("r1", "nodes"), 2);
      assert.equal(await revisionIn("r2", "resources"), 3);
      assert.equal(await revisionIn("r2", "nodes"), undefined);
    }),
  );

  void test(
    "checkpoints are counted by state",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      const states: CheckpointState[] = ["pending", "applied", "applied", "conflict"];
      const checkpoints = states.map((state, index) => aCheckpoint(`k${index}`, { state }));
      await store.putCheckpoints("r1", "resources", checkpoints, lease);
      await store.putCheckpoints("r1", "resources", [aCheckpoint("k0", { state: "applied" })], lease);

      assert.deepEqual(await store.countCheckpoints("r1", "resources"), { applied: 3, conflict: 1 });
      assert.deepEqual(await store.countCheckpoints("r1", "nodes"), {});
    }),
  );

  void test(
    "a call may put a thousand, or none",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      const many = Array.from({ length: 1000 }, (_, index) => aCheckpoint(`k${index}`));

      assert.deepEqual(await store.putCheckpoints("r1", "resources", many, lease), []);
      assert.deepEqual(await store.putCheckpoints("r1", "resources", [], lease), []);

      assert.deepEqual(await store.countCheckpoints("r1", "resources"), { pending: 1000 });
    }),
  );
}

function collisionTests(open: OpenStore): void {
  void test(
    "a target that another key has is a collision: nothing of that checkpoint is written, the others are",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      await store.putCheckpoints("r1", "resources", [aCheckpoint("first", { target: "t" })], lease);

      const collisions = await store.putCheckpoints(
        "r1",
        "resources",
        [aCheckpoint("a"), aCheckpoint("second", { target: "t" }), aCheckpoint("z")],
        lease,
      );

      assert.deepEqual(collisions, [{ target: "t", key: "second", existingKey: "first" }]);
      assert.deepEqual(await keys(store, {}), ["a", "first", "z"]);
    }),
  );

  void test(
    "two of one call collide as well: the first one stays",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      const both = [aCheckpoint("b", { target: "t" }), aCheckpoint("a", { target: "t", rank: 0 })];

      const collisions = await store.putCheckpoints("r1", "resources", both, lease);

      assert.deepEqual(collisions, [{ target: "t", key: "a", existingKey: "b" }]);
      assert.deepEqual(await keys(store, {}), ["b"]);
    }),
  );

  void test(
    "a checkpoint that would move to a taken target stays as it was",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      const [a, b] = [aCheckpoint("a", { target: "ta" }), aCheckpoint("b", { target: "tb" })];
      await store.putCheckpoints("r1", "resources", [a, b], lease);

      const collisions = await store.putCheckpoints(
        "r1",
        "resources",
        [aCheckpoint("b", { target: "ta", state: "applied" })],
        lease,
      );

      assert.deepEqual(collisions, [{ target: "ta", key: "b", existingKey: "a" }]);
      assert.deepEqual(await store.getCheckpoints("r1", "resources", [a, b]), [a, b]);
    }),
  );

  void test(
    "a key keeps its own target, and one that was given up is free",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      await store.putCheckpoints("r1", "resources", [aCheckpoint("a", { target: "t" })], lease);

      const again = aCheckpoint("a", { target: "t", state: "applied" });
      assert.deepEqual(await store.putCheckpoints("r1", "resources", [again], lease), []);
      const moved = [aCheckpoint("a", { target: "elsewhere" }), aCheckpoint("b", { target: "t" })];
      assert.deepEqual(await store.putCheckpoints("r1", "resources", moved, lease), []);

      assert.deepEqual(await store.findByTarget("r1", "resources", ["t"]), [
        aCheckpoint("b", { target: "t" }),
      ]);
    }),
  );

  void test(
    "the same target in another ledger is no collision",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      await store.putCheckpoints("r1", "resources", [aCheckpoint("a", { target: "t" })], lease);

      assert.deepEqual(
        await store.putCheckpoints("r1", "nodes", [aCheckpoint("b", { target: "t" })], lease),
        [],
      );
    }),
  );
}

function pagingTests(open: OpenStore): void {
  void test(
    "pages follow rank, then key in code-unit order, and meet every checkpoint once",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      const id = fc.record({ rank: fc.integer({ min: -2, max: 12 }), key: fc.string({ unit: keyUnit }) });
      const ids = fc.uniqueArray(id, { selector: ({ key }) => key, maxLength: 40 });
      let round = 0;
      await fc.assert(
        fc.asyncProperty(ids, fc.integer({ min: 1, max: 50 }), async (sample, limit) => {
          const ledger = `ledger ${(round += 1)}`;
          const checkpoints = sample.map(({ rank, key }) => aCheckpoint(key, { rank }));
          await store.putCheckpoints("r1", ledger, checkpoints, lease);
          assert.deepEqual(await listAll(store, ledger, { limit }), [...checkpoints].sort(inOrder));
        }),
        { numRuns: 40 },
      );
    }),
  );

  const prepare = async (store: CheckpointStore): Promise<void> => {
    const lease = await take(store);
    const ids = [1, 2, 10].flatMap((rank) =>
      ["A", "a", "b", "c"].map((name) => ({ rank, key: `${name}${rank}` })),
    );
    const checkpoints = ids.map(({ rank, key }, index) =>
      aCheckpoint(key, { rank, state: index % 2 === 0 ? "pending" : "applied" }),
    );
    await store.putCheckpoints("r1", "resources", checkpoints, lease);
  };
  const cases: [string, Omit<CheckpointQuery, "limit">, string[]][] = [
    ["one rank", { rank: 2 }, ["A2", "a2", "b2", "c2"]],
    ["a rank that is not there", { rank: 3 }, []],
    ["what comes after", { after: { rank: 2, key: "b2" } }, ["c2", "A10", "a10", "b10", "c10"]],
    ["after a key that is not there", { after: { rank: 2, key: "zzz" } }, ["A10", "a10", "b10", "c10"]],
    ["a rank, after", { rank: 2, after: { rank: 2, key: "a2" } }, ["b2", "c2"]],
    [
      "a rank, after one of a lower rank",
      { rank: 2, after: { rank: 1, key: "zzz" } },
      ["A2", "a2", "b2", "c2"],
    ],
    ["a rank, after one of a higher rank", { rank: 2, after: { rank: 10, key: "A" } }, []],
    ["a rank, up to a key with it", { rank: 2, upTo: "a2" }, ["A2", "a2"]],
    ["a range", { rank: 2, after: { rank: 2, key: "A2" }, upTo: "b2" }, ["a2", "b2"]],
    ["one state", { states: ["applied"], rank: 10 }, ["a10", "c10"]],
    ["several states", { states: ["applied", "pending"], rank: 10 }, ["A10", "a10", "b10", "c10"]],
    ["no state", { states: [] }, []],
    ["a state, after", { states: ["pending"], after: { rank: 2, key: "A2" } }, ["b2", "A10", "b10"]],
  ];
  for (const [what, query, expected] of cases) {
    void test(
      `lists ${what}`,
      withStore(open, async ({ store }) => {
        await prepare(store);

        assert.deepEqual(await keys(store, query), expected);
        assert.deepEqual(await keys(store, { ...query, limit: 1 }), expected.slice(0, 1));
      }),
    );
  }

  void test(
    "a ledger without checkpoints lists none",
    withStore(open, async ({ store }) => {
      assert.deepEqual(await store.listCheckpoints("r1", "resources", { limit: 5 }), []);
    }),
  );
}

function targetTests(open: OpenStore): void {
  void test(
    "checkpoints are found by their present targets",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      const [a, b] = [aCheckpoint("a", { target: "ta" }), aCheckpoint("b", { target: "tb", rank: 3 })];
      await store.putCheckpoints("r1", "resources", [a, b, aCheckpoint("c", { target: "old" })], lease);
      const moved = aCheckpoint("c", { target: "new" });
      await store.putCheckpoints("r1", "resources", [moved], lease);

      const found = await store.findByTarget("r1", "resources", ["tb", "old", "nowhere", "ta", "new"]);

      assert.deepEqual(found.sort(inOrder), [a, moved, b]);
      assert.deepEqual(await store.findByTarget("r1", "nodes", ["ta"]), []);
      assert.deepEqual(await store.findByTarget("r1", "resources", []), []);
    }),
  );
}

/** What names of resources are made of, and letters of two and three bytes. */
const keyUnit = fc.constantFrom(
  "a",
  "b",
  "z",
  "A",
  "Z",
  "0",
  "10",
  "/",
  ".",
  "-",
  "_",
  "~",
  " ",
  "é",
  "ß",
  "漢",
);

function inOrder(a: Checkpoint, b: Checkpoint): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  return a.key < b.key ? -1 : 1;
}

async function keys(store: CheckpointStore, query: Partial<CheckpointQuery>): Promise<string[]> {
  const checkpoints = await store.listCheckpoints("r1", "resources", { limit: 100, ...query });
  return checkpoints.map(({ key }) => key);
}

async function listAll(
  store: CheckpointStore,
  ledger: string,
  query: CheckpointQuery,
): Promise<Checkpoint[]> {
  const all: Checkpoint[] = [];
  for (;;) {
    const last = all.at(-1);
    const after = last === undefined ? {} : { after: { rank: last.rank, key: last.key } };
    const page = await store.listCheckpoints("r1", ledger, { ...query, ...after });
    if (page.length === 0) return all;
    all.push(...page);
  }
}
