import assert from "node:assert/strict";
import { test } from "node:test";
import { seedCalico } from "../../harness/seed.ts";
import { carriedOf } from "../ceiling/writes.ts";
import { changesTo } from "./changes.ts";

const seed = seedCalico({ resources: 300 });
const changes = changesTo(seed, 100);
const before = new Map([...seed.entries()].map(({ key, value }) => [key, value]));

test("a hundred changes are 40 updates, 30 creations and 30 deletions, each of another key", () => {
  const counts = Object.groupBy(changes, ({ type }) => type);
  assert.deepEqual([counts.update?.length, counts.creation?.length, counts.deletion?.length], [40, 30, 30]);
  assert.equal(new Set(changes.map(({ key }) => key)).size, 100);
});

test("creations are new, updates and deletions are of what is there, and every update differs", () => {
  for (const { type, key, value } of changes) {
    assert.equal(before.has(key), type !== "creation", key);
    assert.equal(value === undefined, type === "deletion");
    if (type === "update") assert.notEqual(value, before.get(key));
  }
});

test("everything is still carried afterwards, in at least four kinds that changed", () => {
  const after = new Map(before);
  for (const { key, value } of changes) {
    if (value === undefined) after.delete(key);
    else after.set(key, value);
  }
  const carried = carriedOf([...after].map(([key, value]) => ({ key, value })));
  assert.equal(carried.length, seed.resources);
  const touched = new Set(changes.map(({ key }) => key));
  assert.ok(new Set(carried.filter(({ key }) => touched.has(key)).map(({ kind }) => kind)).size >= 4);
});

test("a seed that is too small is refused", () => {
  assert.throws(() => changesTo(seed, 1000), /too few/);
});
