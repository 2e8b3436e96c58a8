import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { aCheckpoint } from "../../../engine/contract/fixtures.ts";
import type { Checkpoint, TargetCollision } from "../../../engine/records.ts";
import { type Budget, type Known, planCheckpoints } from "./checkpoint-plan.ts";
import { checkpointSortKey } from "./keys.ts";

const nothing: Known = { targets: new Map(), owners: new Map() };
const ample: Budget = { actions: 1_000, bytes: 1_000_000, sizeOf: () => 1 };

/** A ledger as it is to be: every checkpoint written by itself. */
class Ledger {
  readonly checkpoints = new Map<string, Checkpoint>();

  put(checkpoint: Checkpoint): TargetCollision | undefined {
    const { target, key } = checkpoint;
    const id = checkpointSortKey(checkpoint);
    const owner = [...this.checkpoints].find(([other, one]) => one.target === target && other !== id)?.[1];
    if (owner !== undefined) return { target, key, existingKey: owner.key };
    this.checkpoints.set(id, checkpoint);
    return undefined;
  }

  get known(): Known {
    const targets = new Map([...this.checkpoints].map(([id, { target }]) => [id, target]));
    return { targets, owners: new Map([...targets].map(([id, target]) => [target, id])) };
  }
}

const few = fc.array(
  fc.record({ key: fc.constantFrom("a", "b", "c"), target: fc.constantFrom("t", "u", "v", "w") }),
  { maxLength: 8 },
);

describe("a plan of what to write", () => {
  test("comes to the same as one write after the other", () => {
    fc.assert(
      fc.property(few, few, (before, given) => {
        const ledger = new Ledger();
        for (const { key, target } of before) ledger.put(aCheckpoint(key, { target }));
        const { known } = ledger;
        const checkpoints = given.map(({ key, target }, index) =>
          aCheckpoint(key, { target, sourceRevision: index }),
        );

        const plan = planCheckpoints(checkpoints, known, ample);

        const collisions = checkpoints.flatMap((one) => ledger.put(one) ?? []);
        assert.deepEqual(plan.collisions, collisions);
        assert.equal(plan.taken, checkpoints.length);
        for (const put of plan.puts) assert.deepEqual(ledger.checkpoints.get(checkpointSortKey(put)), put);
        const owners = new Map(known.owners);
        for (const { target, from, to } of plan.transfers) {
          assert.equal(owners.get(target), from);
          if (to === undefined) owners.delete(target);
          else owners.set(target, to);
        }
        assert.deepEqual(sorted(owners), sorted(ledger.known.owners));
      }),
      { numRuns: 500 },
    );
  });

  test("writes nothing twice", () => {
    fc.assert(
      fc.property(few, (given) => {
        const checkpoints = given.map(({ key, target }) => aCheckpoint(key, { target }));
        const { puts, transfers } = planCheckpoints(checkpoints, nothing, ample);
        assert.equal(new Set(puts.map(checkpointSortKey)).size, puts.length);
        assert.equal(new Set(transfers.map(({ target }) => target)).size, transfers.length);
      }),
    );
  });

  test("costs one action for a change of state, two for a new checkpoint, three for a new target", () => {
    const ten = Array.from({ length: 10 }, (_, index) => aCheckpoint(`k${index}`));
    const ledger = new Ledger();
    for (const one of ten) ledger.put(one);
    const moved = ten.map((one) => aCheckpoint(one.key, { target: `new ${one.key}` }));
    const budget = { ...ample, actions: 6 };

    assert.equal(planCheckpoints(ten, ledger.known, budget).taken, 6);
    assert.equal(planCheckpoints(ten, nothing, budget).taken, 3);
    assert.equal(planCheckpoints(moved, ledger.known, budget).taken, 2);
  });

  test("takes what fits, and at least one", () => {
    const ten = Array.from({ length: 10 }, (_, index) => aCheckpoint(`k${index}`));

    assert.equal(planCheckpoints(ten, nothing, { ...ample, bytes: 25, sizeOf: () => 10 }).taken, 2);
    assert.equal(planCheckpoints(ten, nothing, { ...ample, bytes: 5, sizeOf: () => 10 }).taken, 1);
  });
});

function sorted(map: ReadonlyMap<string, string>): [string, string][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
