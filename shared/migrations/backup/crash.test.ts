import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { resourceKey } from "../../calico/testing/samples.ts";
import type { Worker } from "../testing/run-world.ts";
import { difference, type Outcome, play, type Scenario } from "./testing/lives.ts";
import {
  backUp,
  disturb,
  type RestoreRequest,
  type RestoreWorld,
  wipeEtcd,
  wipeOldGroup,
} from "./testing/world.ts";

/** Every boundary takes minutes: by default every so many-th is tried, and the chains below pass over all of them. */
const STRIDE = process.env["CALICO_MIGRATOR_CRASH"] === "all" ? 1 : 89;

type Prepare = Scenario["prepare"];

const prepared =
  (side: RestoreRequest["side"], spoil: (world: RestoreWorld) => Promise<void> | void): Prepare =>
  async (world: RestoreWorld, worker: Worker) => {
    const from = await backUp(world, worker);
    await spoil(world);
    return { from, side };
  };

const SCENARIOS: readonly { name: string; prepare: Prepare }[] = [
  { name: "of an etcd that is empty", prepare: prepared("etcd", wipeEtcd) },
  { name: "of an etcd in use", prepare: prepared("etcd", disturb) },
  { name: "of definitions that are gone", prepare: prepared("kubernetes", wipeOldGroup) },
  { name: "of objects in use", prepare: prepared("kubernetes", disturb) },
];

for (const { name, prepare } of SCENARIOS)
  for (const undo of [false, true])
    describe(`a restore ${name}${undo ? " and its rollback" : ""}, killed`, () => {
      const scenario = { prepare, undo };
      let straight: Outcome;
      before(async () => {
        straight = await play(scenario, []);
        assert.equal(straight.state, undo ? "RolledBack" : "Succeeded", straight.trouble);
        if (undo) assert.deepEqual(straight.changed, []);
      });

      test(`after one write of ${STRIDE}, in turn, ends as if it had not been`, async () => {
        const [writes = 0] = straight.writes;
        for (let write = 1; write <= writes; write += STRIDE)
          assert.deepEqual(
            difference(straight, await play(scenario, [write])),
            [],
            `killed after write ${write}`,
          );
      });

      test("again and again ends as if it had not been", async () => {
        for (const span of [11, 29])
          assert.deepEqual(
            difference(straight, await play(scenario, short(span))),
            [],
            `killed every ${span} writes`,
          );
      });
    });

describe("what a killed restore leaves", () => {
  test("is no trace of its lock", async () => {
    const { sides } = await play({ prepare: prepared("etcd", wipeEtcd), undo: false }, short(13));
    assert.ok(!(sides[resourceKey("clusterinformations", "default")] ?? "").includes("restore-"));
  });
});

/** Lives of about this many writes; they grow slowly, as some step may need more. */
function* short(span: number): Generator<number, void> {
  for (let lives = 0; ; lives++) yield span + Math.floor(lives / 20);
}
