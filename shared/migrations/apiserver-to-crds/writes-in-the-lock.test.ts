import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Life } from "../testing/life.ts";
import type { Described, Worker } from "../testing/run-world.ts";
import { assertState, goOn, rollBack, runBefore, wholeWorld } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const POLICIES = { apiVersion: "projectcalico.org/v3", plural: "networkpolicies", namespace: "shop" };
const SUBJECT = "accepted writes to native objects, not in force";
const WEB = "projectcalico.org/v3/networkpolicies/shop/secure.web";

/** What a user does while the native CRDs serve projectcalico.org/v3 inside the lock, and what the end of the way back says of it. */
const WRITES: [string, (world: World) => Promise<unknown>, RegExp][] = [
  [
    "created",
    ({ cluster }) =>
      cluster.create(POLICIES, { kind: "NetworkPolicy", metadata: { name: "new", namespace: "shop" } }),
    /networkpolicies\/shop\/new: created by user inside the lock, .*: create it again$/,
  ],
  [
    "changed",
    ({ cluster }) =>
      cluster.patch({ ...POLICIES, name: "secure.web" }, { spec: { order: 7 } }, { type: "merge" }),
    /networkpolicies\/shop\/secure\.web: changed by user inside the lock, .*: make the change again$/,
  ],
  [
    "deleted",
    ({ cluster }) => cluster.delete({ ...POLICIES, name: "secure.web" }),
    /networkpolicies\/shop\/secure\.web: deleted inside the lock, .*: delete it again$/,
  ],
];

/** The accepted writes that the end of a way back names. */
function named({ stages }: Described): string[] {
  const { notes } = stages.find(({ stage }) => stage === "verify-undone") ?? { notes: {} };
  const left = (notes as { left?: string[] }).left ?? [];
  return left.filter((one) => one.startsWith(`${SUBJECT}: `));
}

async function writesInTheLock(
  world: World,
  worker: Worker,
  write: (world: World) => Promise<unknown>,
): Promise<string> {
  const runId = await runBefore(world, worker, "catch-up-last", { onLockFailure: "rollback" });
  await write(world);
  return runId;
}

describe("a write to a native object that was accepted inside the lock", () => {
  for (const [what, write, told] of WRITES) {
    test(`is named at the end of the way back where an object was ${what}`, async () => {
      using world = await wholeWorld();
      const worker = world.worker();
      const runId = await writesInTheLock(world, worker, write);

      const described = await goOn(world, worker, runId, "catch-up-last");

      assertState(described, "RolledBack");
      assert.equal(described.run.conditions.find(({ type }) => type === "WentBack")?.status, "True");
      assert.equal(named(described).length, 1, JSON.stringify(named(described)));
      assert.match(named(described)[0] ?? "", told);
    });
  }

  test("is named also where the worker was killed right after it had deleted the first copy", async () => {
    using world = await wholeWorld();
    const first = world.worker(new Life());
    const runId = await writesInTheLock(world, first, async (each) => {
      for (const [what, write] of WRITES) if (what !== "deleted") await write(each);
    });
    world.meanwhile.after.push((write) => {
      if (write.startsWith("delete projectcalico.org/v3precopy/")) first.life.kill();
      return Promise.resolve();
    });
    await goOn(world, first, runId, "catch-up-last");
    assert.ok(first.life.dead);
    first.close();
    world.clock.advance(60_000);

    const described = await world.drive(world.worker(), runId);

    assertState(described, "RolledBack");
    assert.equal(named(described).length, 2, JSON.stringify(named(described)));
  });

  test("is told of nobody where nobody has written", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "switch");
    await rollBack(world, worker, runId);
    assert.deepEqual(named(await world.describe(worker, runId)), []);
    assert.ok(!(WEB in world.cluster.dump()));
  });
});
