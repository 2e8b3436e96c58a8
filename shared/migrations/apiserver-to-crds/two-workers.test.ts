import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Crew, type Happening, happening } from "../testing/crew.ts";
import { changed } from "../testing/dumps.ts";
import { canonical, mismatches } from "./testing/oracle.ts";
import { assertState, goOn, rollBack, startWhole, wholeWorld } from "./testing/whole.ts";

const RUNS = process.env["CALICO_MIGRATOR_CRASH"] === "all" ? 100 : 6;

/** What a run leaves behind that suffers all of this, and is left in peace before its cleanup. */
interface Aftermath {
  dump: Record<string, string>;
  mismatches: string[];
}

async function afterAll(happenings: readonly Happening[], end: "cleanup" | "rollback"): Promise<Aftermath> {
  using world = await wholeWorld();
  const before = world.cluster.dump();
  const starter = world.worker();
  const runId = await startWhole(starter, { stopBefore: "cleanup", approvals: ["unlock"] });
  const crew = new Crew(world, runId);
  for (const one of happenings) await crew.suffer(one);
  crew.close();
  world.clock.advance(120_000);
  await starter.engine.resume(runId);
  const { run } = await world.drive(starter, runId);
  assert.equal(run.waiting?.subject, "cleanup", JSON.stringify([run.stage, run.failure, run.waiting]));
  const missed = await mismatches(world.cluster);
  if (end === "cleanup") {
    assertState(await goOn(world, starter, runId, "cleanup"), "Succeeded");
    return { dump: await canonical(world.cluster), mismatches: missed };
  }
  await rollBack(world, starter, runId);
  assert.deepEqual(changed(before, world.cluster.dump()), []);
  return { dump: {}, mismatches: missed };
}

test("whatever happens to two workers and their messages, the run ends the same, and can be undone", async () => {
  const straight = await afterAll([], "cleanup");
  assert.deepEqual(straight.mismatches, []);
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 5, maxLength: 40 }),
      fc.constantFrom("cleanup" as const, "rollback" as const),
      async (happenings, end) => {
        const { dump, mismatches: missed } = await afterAll(happenings, end);
        assert.deepEqual(missed, []);
        if (end === "cleanup") assert.deepEqual(changed(straight.dump, dump), []);
      },
    ),
    { numRuns: RUNS },
  );
});
