import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import type { Stage } from "./migration.ts";
import { aCheckpoint } from "./contract/fixtures.ts";
import { type Rig, SETTINGS, withRig } from "./testing/rig.ts";
import { action, DONE, migrationOf, sweepOf } from "./testing/stages.ts";

function withStages(
  stages: readonly Stage<null, JsonObject>[],
  body: (rig: Rig<null>) => Promise<void>,
): Promise<void> {
  return withRig(null, [migrationOf(stages)], body);
}

describe("a stage's context", () => {
  test("shows what earlier stages recorded and how far they came", async () => {
    const seen: unknown[] = [];
    const stages = [
      action<null>("one", async (context) => {
        await context.record({ revision: 7 });
        return DONE;
      }),
      action<null>("two", async (context) => {
        seen.push(await context.notesOf("one"), (await context.stageOf("one"))?.state);
        seen.push(await context.notesOf("three"), await context.stageOf("three"));
        return DONE;
      }),
    ];
    await withStages(stages, async (rig) => {
      await rig.run();

      assert.deepEqual(seen, [{ revision: 7 }, "done", {}, undefined]);
    });
  });

  test("reads a stage that is done once, and others whenever they are asked for", async () => {
    const reads: string[] = [];
    const stages = [
      action<null>("one"),
      action<null>("two", async (context) => {
        for (const name of ["one", "one", "two", "two"]) await context.stageOf(name);
        return DONE;
      }),
    ];
    await withStages(stages, async (rig) => {
      const { store } = rig.ports;
      const getStage = store.getStage.bind(store);
      store.getStage = (ref) => (reads.push(ref.stage), getStage(ref));
      await rig.run();

      assert.deepEqual(reads, ["one", "two", "two"]);
    });
  });

  test("shows forward stages to those that undo them", async () => {
    let seen: unknown;
    const undo = action<null>("unlock", async (context) => {
      seen = [context.notes, await context.notesOf("lock")];
      return DONE;
    });
    const lock = action<null>(
      "lock",
      async (context) => {
        await context.record({ found: "open" });
        return DONE;
      },
      { undo: [undo] },
    );
    await withStages([lock], async (rig) => {
      const { run } = await rig.run();
      await rig.engine.undo(run.runId, "rollback");
      await rig.settle(run.runId);

      assert.deepEqual(seen, [{}, { found: "open" }]);
    });
  });

  test("opens one ledger per name", async () => {
    let counts: unknown;
    const stage = action<null>("copy", async (context) => {
      await context.ledger("resources").put([aCheckpoint("a"), aCheckpoint("b", { state: "applied" })]);
      await context.ledger("nodes").put([aCheckpoint("a")]);
      counts = [await context.ledger("resources").count(), await context.ledger("nodes").count()];
      return DONE;
    });
    await withStages([stage], async (rig) => {
      await rig.run();

      assert.deepEqual(counts, [{ pending: 1, applied: 1 }, { pending: 1 }]);
    });
  });

  test("refuses every write once the lease has run out", async () => {
    const refused: string[] = [];
    const stage = action<null>("copy", async (context) => {
      if (refused.length > 0) return DONE;
      clock().advance(SETTINGS.leaseTtlMs);
      for (const write of [
        () =>
          Promise.resolve().then(() => {
            context.ensureHeld();
          }),
        () => context.ledger("resources").put([aCheckpoint("a")]),
        () => context.record({ late: true }),
        () => context.announce("late", {}),
      ]) {
        await write().catch((error: unknown) => refused.push(String((error as { code?: string }).code)));
      }
      return DONE;
    });
    let clock = (): Rig<null>["clock"] => assert.fail();
    await withStages([stage], async (rig) => {
      clock = () => rig.clock;
      const { run, stages } = await rig.run();

      assert.deepEqual(refused, Array(4).fill("LEASE_LOST"));
      assert.deepEqual(await rig.ports.store.countCheckpoints(run.runId, "resources"), {});
      assert.deepEqual(stages[0]?.notes, {});
      assert.equal(
        (await rig.events(run.runId)).some(({ type }) => type === "late"),
        false,
      );
    });
  });

  test("lets a batch neither record notes of its stage nor announce", async () => {
    const refused: string[] = [];
    const sweep = sweepOf<null>("copy", 1, async (context) => {
      for (const write of [() => context.record({ x: 1 }), () => context.announce("x", {})]) {
        await write().catch((error: unknown) => refused.push(String(error)));
      }
      return { done: true, counts: {} };
    });
    await withStages([sweep], async (rig) => {
      await rig.run();

      assert.match(refused[0] ?? "", /cannot record/);
      assert.match(refused[1] ?? "", /cannot announce/);
    });
  });
});
