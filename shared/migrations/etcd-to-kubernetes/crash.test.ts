import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { resourceKey } from "../../calico/testing/samples.ts";
import { difference, type Outcome, play, type Scenario } from "./testing/lives.ts";
import { CARRIED } from "./testing/source.ts";
import { changed } from "../testing/dumps.ts";
import { World } from "./testing/world.ts";

/** Every boundary takes minutes: by default every so many-th is tried, and the chains below pass over all of them. */
const STRIDE = process.env["CALICO_MIGRATOR_CRASH"] === "all" ? 1 : 149;

const SCENARIOS: readonly { name: string; scenario: Scenario; end: string }[] = [
  { name: "a migration", scenario: ["start"], end: "Succeeded" },
  { name: "a migration and its late rollback", scenario: ["start", "rollback"], end: "RolledBack" },
];

for (const { name, scenario, end } of SCENARIOS) {
  describe(`${name}, killed`, () => {
    let straight: Outcome;
    before(async () => {
      straight = await play(scenario, []);
      assert.equal(straight.state, end, straight.trouble);
    });

    test(`after one write of ${STRIDE}, in turn, ends as if it had not been`, async () => {
      const [writes = 0] = straight.writes;
      for (let write = 1; write <= writes; write += STRIDE) {
        assert.deepEqual(
          difference(straight, await play(scenario, [write])),
          [],
          `killed after write ${write}`,
        );
      }
    });

    test("again and again ends as if it had not been", async () => {
      for (const span of [7, 16, 41]) {
        assert.deepEqual(
          difference(straight, await play(scenario, short(span))),
          [],
          `killed every ${span} writes`,
        );
      }
    });

    test("after ever longer lives ends as if it had not been", async () => {
      assert.deepEqual(difference(straight, await play(scenario, longer(5))), []);
    });
  });
}

describe("what a killed migration leaves", () => {
  test("is the source as it was but for its lock, and everything in the target once", async () => {
    using untouched = await World.create();

    const { sides } = await play(["start"], short(13));

    assert.deepEqual(changed(untouched.etcd.dump(), sides.etcd), [
      resourceKey("clusterinformations", "default"),
    ]);
    const added = changed(untouched.kubernetes.dump(), sides.kubernetes);
    assert.equal(added.filter((path) => !path.includes("/clusterinformations/")).length, CARRIED);
  });

  test("is nothing once it is rolled back", async () => {
    using untouched = await World.create();

    const { sides } = await play(["start", "rollback"], short(13));

    assert.deepEqual(changed(untouched.etcd.dump(), sides.etcd), []);
    assert.deepEqual(changed(untouched.kubernetes.dump(), sides.kubernetes), []);
  });
});

/** Lives of about this many writes; they grow slowly, as some step may need more. */
function* short(span: number): Generator<number, void> {
  for (let lives = 0; ; lives++) yield span + Math.floor(lives / 20);
}

function* longer(span: number): Generator<number, void> {
  for (let next = span; ; next++) yield next;
}
