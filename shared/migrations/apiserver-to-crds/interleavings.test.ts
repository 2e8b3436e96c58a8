import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { RunRecord } from "../../engine/records.ts";
import { isSettled } from "../../engine/settled.ts";
import { OWNER } from "./testing/cluster.ts";
import { canonical, mismatches } from "./testing/oracle.ts";
import {
  assertState,
  goOn,
  runBefore,
  startWhole,
  trespasses,
  wholeWorld,
  wholeWorldWithoutSecondVersion,
} from "./testing/whole.ts";
import type { World } from "./testing/world.ts";
import { type UserWrite, writeAsUser } from "./testing/writers.ts";

const RUNS = process.env["CALICO_MIGRATOR_CRASH"] === "all" ? 200 : 6;
/** Kinds of which there are several objects take several pages. */
const BATCH = 2;
/** About as many writes and lists does a run make until its locks are set, with and without the second version. */
const [UNTIL_LOCK, UNTIL_EARLY_LOCK] = [255, 98];

interface Timed {
  /** Before which of the run's writes and lists; Infinity: when it waits for the locked group to become quiet. */
  at: number;
  write: UserWrite;
}

const userWrite: fc.Arbitrary<UserWrite> = fc.record({
  name: fc.constantFrom("a", "b", "owned", "secure.web"),
  act: fc.constantFrom("put", "delete", "recreate", "label"),
  via: fc.constantFrom("crd.projectcalico.org/v1", "projectcalico.org/v3"),
  order: fc.integer({ min: 1, max: 99 }),
});
const early: fc.Arbitrary<Timed> = timed(fc.integer({ min: 1, max: UNTIL_EARLY_LOCK }));
const whenever: fc.Arbitrary<Timed> = timed(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: UNTIL_LOCK }) },
    { weight: 1, arbitrary: fc.constant(Infinity) },
  ),
);

function timed(at: fc.Arbitrary<number>): fc.Arbitrary<Timed> {
  return fc.record({ at, write: userWrite });
}

/** Users write until both groups are locked: the lock of the native group is the last write that they may precede. */
function letUsersWrite(world: World, writes: readonly Timed[]): void {
  let [made, over] = [0, false];
  let users = Promise.resolve();
  const happening = async (request: string): Promise<void> => {
    if (over) return;
    made++;
    for (const one of writes.filter(({ at }) => at === made))
      users = users.then(() => writeAsUser(world.cluster, one.write));
    await users;
    over = /^create projectcalico\.org\/v3(precopy)?\/clusterinformations/.test(request);
  };
  world.meanwhile.lists.push(happening);
  world.meanwhile.before.push(happening);
}

/** A run among such writes, with what had not come over right before its cleanup. */
async function missed(create: () => Promise<World>, writes: readonly Timed[]): Promise<unknown> {
  using world = await create();
  letUsersWrite(world, writes);
  const trespassed = trespasses(world);
  const worker = world.worker();
  const runId = await startWhole(worker, {
    options: { quietMs: 3000, batchSize: BATCH },
    stopBefore: "cleanup",
    approvals: ["unlock"],
  });
  const isQuieting = ({ stage, waiting }: RunRecord): boolean =>
    stage === "catch-up-last" && waiting?.reason === "Gate";
  await world.drive(worker, runId, (run, control) => isQuieting(run) || isSettled(run, control));
  for (const { at, write } of writes) if (at === Infinity) await writeAsUser(world.cluster, write);
  const { run } = await world.drive(worker, runId);
  assert.equal(run.waiting?.subject, "cleanup", JSON.stringify([run.stage, run.failure, run.waiting]));
  const found = [...(await mismatches(world.cluster)), ...trespassed];
  assertState(await goOn(world, worker, runId, "cleanup"), "Succeeded");
  return found;
}

describe("what users write until the lock, and while the locked group becomes quiet,", () => {
  test("is in the native group", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(whenever, { minLength: 5, maxLength: 25 }), async (writes) => {
        assert.deepEqual(await missed(wholeWorld, writes), []);
      }),
      { numRuns: RUNS, endOnFailure: process.env["CALICO_MIGRATOR_CRASH"] !== "all" },
    );
  });

  test("is in the native group also without the second version", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(early, { minLength: 5, maxLength: 25 }), async (writes) => {
        assert.deepEqual(await missed(wholeWorldWithoutSecondVersion, writes), []);
      }),
      { numRuns: RUNS, endOnFailure: process.env["CALICO_MIGRATOR_CRASH"] !== "all" },
    );
  });
});

describe("what is written through the aggregated API right before it goes", () => {
  for (const act of ["put", "delete"] as const) {
    test(`is in the native group (${act})`, async () => {
      using world = await wholeWorld();
      let done = false;
      world.meanwhile.before.push(async (write) => {
        if (done || !/^delete .*\/apiservices\//.test(write)) return;
        done = true;
        await writeAsUser(world.cluster, { name: "secure.web", act, via: "projectcalico.org/v3", order: 3 });
      });
      await runBefore(world, world.worker(), "cleanup");
      assert.ok(done);
      assert.deepEqual(await mismatches(world.cluster), []);
    });
  }
});

describe("what is deleted from the old group behind the lock", () => {
  test("stops the run before the old group is cleaned up", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "verify-all");
    const via = "crd.projectcalico.org/v1";
    await writeAsUser(world.cluster, { name: "secure.web", act: "delete", via, order: 1 });
    const { run } = await goOn(world, worker, runId, "verify-all");
    assert.equal(run.failure?.code, "VERIFY_FAILED");
    assert.match(run.failure.message, /secure\.web.*deleted since it was copied/);
  });
});

describe("an object that gets a Calico owner right before the lock", () => {
  test("keeps it, and is not collected", async () => {
    using world = await wholeWorld();
    const { metadata } = await world.cluster.get({ ...OWNER, apiVersion: "projectcalico.org/v3" });
    const { uid } = metadata as { uid: string };
    const owner = { apiVersion: "projectcalico.org/v3", kind: "GlobalNetworkSet", name: OWNER.name, uid };
    const late = { name: "late", namespace: "shop", ownerReferences: [owner] };
    world.meanwhile.before.push(async (write) => {
      if (!/^replace crd\.projectcalico\.org\/v1\/clusterinformations/.test(write)) return;
      const object = { apiVersion: "v1", kind: "ConfigMap", metadata: late };
      await world.cluster.create({ apiVersion: "v1", plural: "configmaps", namespace: "shop" }, object);
    });

    await runBefore(world, world.worker(), "cleanup");

    const text = (await canonical(world.cluster))["v1/configmaps/shop/late"] ?? "{}";
    const shown = { ...owner, uid: true };
    assert.deepEqual(JSON.parse(text), {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { ...late, ownerReferences: [shown] },
    });
  });
});
