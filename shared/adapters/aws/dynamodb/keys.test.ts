import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { CheckpointId } from "../../../engine/records.ts";
import {
  batchPartition,
  checkpointIdOf,
  checkpointSortKey,
  ledgerPartition,
  nameOf,
  ordinal,
  rangeOf,
  runIdOf,
  runKey,
  segment,
  targetKey,
  targetPartitions,
} from "./keys.ts";

const name = fc.string({ unit: fc.constantFrom("a", "#", "%", "2", "3", "5", "\ud800", "漢") });

describe("keys", () => {
  test("names come back from a part of a key, in which nothing separates", () => {
    fc.assert(
      fc.property(name, (text) => {
        assert.equal(nameOf(segment(text)), text);
        assert.ok(!segment(text).includes("#"));
        assert.equal(runIdOf(runKey(text)), text);
      }),
    );
  });

  test("no two things share a partition, however they are named", () => {
    const partition = fc.oneof(
      fc.tuple(name).map(([run]) => ["run", run, runKey(run).pk]),
      fc.tuple(name, name).map(([run, ledger]) => ["ledger", run, ledger, ledgerPartition(run, ledger)]),
      fc
        .tuple(name, name)
        .map(([runId, stage]) => ["stage", runId, stage, batchPartition({ runId, stage, track: "forward" })]),
    );
    fc.assert(
      fc.property(partition, partition, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        assert.equal(one.at(-1) === other.at(-1), same);
      }),
    );
  });

  test("checkpoints sort by rank, then key, and come back", () => {
    const rank = fc.integer({ min: -100, max: 100 });
    const id = fc.record({ rank, key: name }, { noNullPrototype: true });
    fc.assert(
      fc.property(id, id, (one, other) => {
        assert.deepEqual(checkpointIdOf(checkpointSortKey(one)), one);
        const bytes = Buffer.compare(
          Buffer.from(checkpointSortKey(one)),
          Buffer.from(checkpointSortKey(other)),
        );
        assert.equal(Math.sign(bytes), compare(one, other));
      }),
    );
  });

  test("a range holds the keys of its prefix and no others", () => {
    const { first, last } = rangeOf("pk", "STAGE#");
    const inside = (sk: string) => sk >= first && sk <= last;

    assert.deepEqual(["STAGE#", "STAGE#\uffff", "STAGE#forward#a"].map(inside), [true, true, true]);
    assert.deepEqual(["META", "STAGE", "STAGES#a", "TARGET#"].map(inside), [false, false, false, false]);
  });

  test("a target lies in one of the partitions that are looked through", () => {
    const partitions = targetPartitions("r1", "resources");
    const used = new Set(
      Array.from({ length: 300 }, (_, index) => targetKey("r1", "resources", `t${index}`).pk),
    );

    assert.deepEqual([...used].sort(), partitions);
  });

  test("what is no integer, or too large, has no place in an order", () => {
    for (const value of [0.5, NaN, 10 ** 10, -(10 ** 10)]) assert.throws(() => ordinal(value), RangeError);
  });
});

function compare(a: CheckpointId, b: CheckpointId): number {
  if (a.rank !== b.rank) return Math.sign(a.rank - b.rank);
  if (a.key === b.key) return 0;
  return a.key < b.key ? -1 : 1;
}
