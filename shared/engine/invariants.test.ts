import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Move, Simulation } from "./testing/simulation.ts";

const KEYS = [
  "tier-a",
  "tier-b",
  "tier-c",
  "policy-a",
  "policy-b",
  "policy-c",
  "policy-d",
  "policy-e",
  "pool",
];

/** Methods of the ports that change nothing: a crash before one is a crash after the write before it. */
const READ = /^(get|list|find|count|due|idle)/;

/** What a run leaves behind when nothing goes wrong, forward or there and back. */
async function straight(keys: readonly string[], back: boolean): Promise<unknown> {
  let outcome: unknown;
  await Simulation.with(keys, 1, async (simulation) => {
    await simulation.finish();
    if (back) await simulation.undo();
    await simulation.finish();
    outcome = await simulation.outcome();
  });
  return outcome;
}

/** Moves in which most calls just take their turn. */
function moves(kinds: readonly Move["kind"][]): fc.Arbitrary<Move[]> {
  const kind = fc.oneof(
    { weight: 12, arbitrary: fc.constant("turn" as const) },
    ...kinds.map((k) => ({ weight: 1, arbitrary: fc.constant(k) })),
  );
  return fc.array(fc.record({ kind, pick: fc.nat({ max: 7 }) }), {
    minLength: 20,
    maxLength: 300,
    size: "max",
  });
}

const FAULTS = ["fail", "crash", "tick", "expire", "lose", "repeat", "wake"] as const;

async function play(simulation: Simulation, schedule: readonly Move[]): Promise<void> {
  for (const [index, move] of schedule.entries()) {
    await simulation.move(move);
    if (move.kind === "turn" && index % 8 > 0) continue;
    await simulation.check();
    assert.deepEqual(simulation.violations, []);
  }
}

describe("the engine, whatever happens to its workers", () => {
  test("a straight run moves everything", async () => {
    const outcome = (await straight(KEYS, false)) as {
      state: string;
      shelves: { target: Map<string, string> };
      counters: unknown[];
    };

    assert.equal(outcome.state, "Succeeded");
    assert.deepEqual([...outcome.shelves.target.keys()].sort(), [...KEYS].sort());
    assert.deepEqual(outcome.counters[1], {
      batches: 5,
      total: KEYS.length,
      counts: { applied: KEYS.length },
    });
  });

  test("two workers whose leases expire, whose calls fail, who crash, and whose messages are lost, doubled and late end where one ends", async () => {
    const expected = await straight(KEYS, false);
    await fc.assert(
      fc.asyncProperty(moves(FAULTS), (schedule) =>
        Simulation.with(KEYS, 2, async (simulation) => {
          await play(simulation, schedule);
          await simulation.finish();
          await simulation.check();

          assert.deepEqual(simulation.violations, []);
          assert.deepEqual(await simulation.outcome(), expected);
        }),
      ),
      { numRuns: 30 },
    );
  });

  test("undone at any moment, everything is as it was", async () => {
    await fc.assert(
      fc.asyncProperty(moves([...FAULTS, "undo"]), (schedule) =>
        Simulation.with(KEYS, 2, async (simulation) => {
          await play(simulation, schedule);
          await simulation.undo();
          await simulation.finish();
          await simulation.check();

          const { shelves, violations } = simulation;
          const { run } = await simulation.rig.engine.describe(simulation.runId);
          assert.deepEqual([run.state, run.holdsCluster, violations], ["RolledBack", false, []]);
          assert.deepEqual([shelves.target.size, shelves.locked, shelves.retired], [0, false, false]);
        }),
      ),
      { numRuns: 30 },
    );
  });
});

describe("a crash at every write in turn", () => {
  const few = ["tier-a", "policy-a", "policy-b"];

  for (const back of [false, true]) {
    test(`leaves the same as no crash, ${back ? "there and back" : "forward"}`, async () => {
      const expected = await straight(few, back);
      for (let write = 1; ; write += 1) {
        const { crashed, outcome, violations } = await runWithCrash(few, back, write);

        assert.deepEqual(violations, []);
        assert.deepEqual(outcome, expected, `crash before write ${write}`);
        if (crashed) continue;
        assert.ok(write > 30, `a run of only ${write} writes`);
        break;
      }
    });
  }
});

async function runWithCrash(
  keys: readonly string[],
  back: boolean,
  write: number,
): Promise<{ crashed: boolean; outcome: unknown; violations: string[] }> {
  const result = { crashed: false, outcome: undefined as unknown, violations: [] as string[] };
  await Simulation.with(keys, 1, async (simulation) => {
    if (back) {
      await simulation.finish();
      await simulation.undo();
    }
    result.crashed = await crashAtWrite(simulation, write);
    await simulation.finish();
    result.outcome = await simulation.outcome();
    result.violations = simulation.violations;
  });
  return result;
}

/** Kills the worker before its n-th write; false when it makes fewer until it has nothing to do. */
async function crashAtWrite(simulation: Simulation, n: number): Promise<boolean> {
  let writes = 0;
  let idle = 0;
  while (idle < 3) {
    const call = simulation.turnstile.waiting[0]?.call ?? "idle";
    idle = call === "idle" ? idle + 1 : 0;
    if (!READ.test(call)) writes += 1;
    if (writes === n) {
      await simulation.crash(0);
      return true;
    }
    await simulation.turnstile.turn(0);
  }
  return false;
}
