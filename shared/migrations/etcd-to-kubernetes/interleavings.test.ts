import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { withoutRunIds } from "./testing/lives.ts";
import { Crew, type Happening, happening } from "../testing/crew.ts";
import { assertState, rollBack } from "./testing/steps.ts";
import { changed } from "../testing/dumps.ts";
import { sidesOf, startRun, World } from "./testing/world.ts";

const RUNS = process.env["CALICO_MIGRATOR_CRASH"] === "all" ? 100 : 6;

/** A run that suffers all of this, then is left in peace to its end, and is rolled back. */
async function afterAll(
  happenings: readonly Happening[],
): Promise<{ dump: Record<string, string>; undone: string[] }> {
  using world = await World.create();
  const before = sidesOf(world);
  const starter = world.worker();
  const runId = await startRun(starter);
  const crew = new Crew(world, runId);
  for (const happening of happenings) await crew.suffer(happening);
  crew.close();
  world.clock.advance(120_000);
  await starter.engine.resume(runId);
  assertState(await world.drive(starter, runId), "Succeeded");
  const dump = withoutRunIds(world.kubernetes.dump());
  await rollBack(world, starter, runId);
  const undone = [
    ...changed(before.etcd, world.etcd.dump()),
    ...changed(before.kubernetes, world.kubernetes.dump()),
  ];
  return { dump, undone };
}

test("whatever happens to two workers and their messages, the run ends the same and can be undone", async () => {
  const straight = await afterAll([]);
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 5, maxLength: 40 }), async (happenings) => {
      const { dump, undone } = await afterAll(happenings);
      assert.deepEqual(changed(straight.dump, dump), []);
      assert.deepEqual(undone, []);
    }),
    { numRuns: RUNS },
  );
});
