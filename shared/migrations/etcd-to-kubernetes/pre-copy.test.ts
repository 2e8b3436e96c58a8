import assert from "node:assert/strict";
import { test } from "node:test";
import type { Checkpoint } from "../../engine/records.ts";
import { cut } from "./stages/pre-copy.ts";

const MIB = 1024 * 1024;

function rows(...bytes: number[]): Checkpoint[] {
  return bytes.map((size, index) => ({
    rank: 1,
    key: `key-${index}`,
    state: "pending",
    target: `target-${index}`,
    sourceRevision: 1,
    detail: { kind: "NetworkSet", bytes: size },
  }));
}

test("batches hold as many resources as asked for", () => {
  assert.deepEqual(
    cut(rows(1, 1, 1, 1, 1), 2).map(({ scope, size }) => [scope["from"], scope["to"], size]),
    [
      ["key-0", "key-1", 2],
      ["key-2", "key-3", 2],
      ["key-4", "key-4", 1],
    ],
  );
});

test("large resources make small batches, and the largest one is alone", () => {
  const sizes = cut(rows(3 * MIB, 1 * MIB, 1, 9 * MIB, 1), 200).map(({ size }) => size);

  assert.deepEqual(sizes, [2, 1, 1, 1]);
});

test("nothing to copy makes no batch", () => {
  assert.deepEqual(cut([], 200), []);
});
