import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isSettled } from "../../engine/settled.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { changed } from "../testing/dumps.ts";
import { canonical, mismatches } from "./testing/oracle.ts";
import { isSecondVersionOpen, putApiServiceBack, putDefinitionsBack } from "./testing/rivals.ts";
import {
  assertState,
  isAggregated,
  rollBack,
  runBefore,
  startWhole,
  trespasses,
  wholeWorld,
  wholeWorldWithoutSecondVersion,
} from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

/** Every write takes minutes: by default every so many-th is tried. */
const STRIDE = process.env["CALICO_MIGRATOR_CRASH"] === "all" ? 1 : 29;

/** Something that happens right before the n-th write of a run that it can happen at. */
interface Disturbance {
  at: number;
  isDue: (world: World) => Promise<boolean>;
  act: (world: World) => Promise<void>;
}

/** True once the aggregated API server is out of the way, until the cleanup takes the old group away. */
async function isNative(world: World): Promise<boolean> {
  const groups = Object.keys(world.cluster.dump()).filter((path) => path.includes("/tiers."));
  return groups.length === 2 && !(await isAggregated(world.cluster));
}

function disturb(world: World, { at, isDue, act }: Disturbance): { count: number } {
  const seen = { count: 0 };
  world.meanwhile.before.push(async () => {
    if ((await isDue(world)) && ++seen.count === at) await act(world);
  });
  return seen;
}

/** Runs to the end; says what is wrong then, and how often it could have been disturbed. */
async function disturbed(
  create: () => Promise<World>,
  disturbance: Disturbance,
): Promise<{ count: number; wrong: unknown[] }> {
  using world = await create();
  // What it makes of an APIService that comes back is told apart.
  world.meanwhile.after.splice(0);
  const trespassed = trespasses(world);
  const seen = disturb(world, disturbance);
  const worker = world.worker();
  const runId = await startWhole(worker, { stopBefore: "cleanup", approvals: ["unlock"] });
  let steps = 0;
  const { run } = await world.drive(
    worker,
    runId,
    (one, control) => isSettled(one, control) || ++steps > 1500,
  );
  const stopped = run.waiting?.subject === "cleanup" ? [] : [run.stage, run.failure, run.waiting];
  return { count: seen.count, wrong: [...stopped, ...(await mismatches(world.cluster)), ...trespassed] };
}

async function everyWrite(create: () => Promise<World>, disturbance: Omit<Disturbance, "at">): Promise<void> {
  const { count } = await disturbed(create, { ...disturbance, at: Infinity });
  assert(count > 5, `disturbed at ${count} writes`);
  for (let at = 1; at <= count; at += STRIDE)
    assert.deepEqual((await disturbed(create, { ...disturbance, at })).wrong, [], `at ${at} of ${count}`);
}

/** Somebody closes the second version `times` times, as soon as the run has opened it, while it is in one of these stages. */
function keepClosing(world: World, isStage: () => boolean, times = Infinity): void {
  let left = times;
  world.meanwhile.before.push(async (write) => {
    if (write.includes("customresourcedefinitions") || left <= 0 || !isStage()) return;
    if (!(await isSecondVersionOpen(world.cluster))) return;
    left--;
    await putDefinitionsBack(world.cluster);
  });
}

describe("an APIService that somebody puts back", () => {
  const disturbance = { isDue: isNative, act: ({ cluster }: World) => putApiServiceBack(cluster) };

  test("before any write after its removal changes nothing", { timeout: 600_000 }, () =>
    everyWrite(wholeWorld, disturbance),
  );

  test("before any write of a copy inside the lock changes nothing", { timeout: 600_000 }, () =>
    everyWrite(wholeWorldWithoutSecondVersion, disturbance),
  );

  test("and that stays does not pass for the native group in the last verification", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "verify-all");
    await putApiServiceBack(world.cluster);
    world.meanwhile.before.push((write) =>
      write.startsWith("delete apiregistration") ? Promise.reject(new Error("it stays")) : Promise.resolve(),
    );
    await worker.engine.approve(runId, "test", "verify-all");
    const { run } = await world.drive(
      worker,
      runId,
      ({ state }) => state !== "Waiting" && state !== "Running",
    );
    assert.equal(run.stage, "verify-all");
  });
});

describe("native CRDs that somebody puts back", () => {
  const disturbance = {
    isDue: ({ cluster }: World) => isSecondVersionOpen(cluster),
    act: ({ cluster }: World) => putDefinitionsBack(cluster),
  };

  test("before any write of a run are opened again, or done without", { timeout: 600_000 }, () =>
    everyWrite(wholeWorld, disturbance),
  );

  for (const stage of ["follow", "catch-up", "restore-owners"]) {
    test(`again and again from ${stage} on leave everything to be copied without the second version`, async () => {
      using world = await wholeWorld();
      const trespassed = trespasses(world);
      const worker = world.worker();
      const runId = await runBefore(world, worker, stage);
      if (stage !== "restore-owners") await changePolicy(world);
      keepClosing(world, () => true);
      await putDefinitionsBack(world.cluster);
      await worker.engine.approve(runId, "test", stage);
      const { run } = await world.drive(worker, runId);
      assert.equal(run.state, "Succeeded", JSON.stringify([run.stage, run.failure, run.waiting]));
      assert.deepEqual(trespassed, []);
    });
  }

  for (const stage of ["follow", "restore-owners"]) {
    test(`right before a run is undone that stands before ${stage} are opened again to delete the copies`, async () => {
      using world = await wholeWorld();
      const worker = world.worker();
      const before = await canonical(world.cluster);
      const runId = await runBefore(world, worker, stage);
      await putDefinitionsBack(world.cluster);
      await rollBack(world, worker, runId);
      assert.deepEqual(changed(before, await canonical(world.cluster)), []);
    });
  }

  test("all the time keep a run that is undone from ending, with nothing locked, until they are left alone", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const before = await canonical(world.cluster);
    const runId = await runBefore(world, worker, "catch-up");
    let isBusy = true;
    keepClosing(world, () => isBusy);
    await putDefinitionsBack(world.cluster);
    await worker.engine.undo(runId, "rollback");
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "SECOND_VERSION_LOST", JSON.stringify([run.stage, run.waiting]));
    const lock = world.cluster.dump()["crd.projectcalico.org/v1/clusterinformations/default"];
    assert.match(lock ?? "", /"datastoreReady":true/);

    isBusy = false;
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "RolledBack");
    assert.deepEqual(changed(before, await canonical(world.cluster)), []);
  });
});

describe("a way back that something holds up", () => {
  /** Makes every such write fail until the old group is unlocked. */
  function failWhileLocked(world: World, isRefused: (write: string) => boolean): void {
    world.meanwhile.before.push((write) => {
      const lock = world.cluster.dump()["crd.projectcalico.org/v1/clusterinformations/default"] ?? "";
      const isLocked = lock.includes('"datastoreReady":false');
      return isLocked && isRefused(write) ? Promise.reject(refused()) : Promise.resolve();
    });
  }

  for (const [what, isRefused] of [
    ["the APIService cannot be put back", (write) => /^(create|replace) apiregistration/.test(write)],
    ["owner references cannot be taken off", (write) => write.startsWith("patch v1/configmaps")],
  ] as [string, (write: string) => boolean][]) {
    test(`as ${what} unlocks the old group, then makes it good`, async () => {
      using world = await wholeWorld();
      const worker = world.worker();
      const before = await canonical(world.cluster);
      const runId = await runBefore(world, worker, "switch");
      failWhileLocked(world, isRefused);
      await rollBack(world, worker, runId);
      assert.deepEqual(changed(before, await canonical(world.cluster)), []);
    });
  }

  test("as copies cannot be deleted unlocks the old group all the same", async () => {
    using world = await wholeWorldWithoutSecondVersion();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "switch");
    failWhileLocked(world, (write) => write.startsWith("delete projectcalico.org/v3/"));
    await rollBack(world, worker, runId);
    const dump = world.cluster.dump();
    assert.match(dump["crd.projectcalico.org/v1/clusterinformations/default"] ?? "", /"datastoreReady":true/);
    assert(await isAggregated(world.cluster));
  });
});

function refused(): KubernetesApiError {
  return new KubernetesApiError("KUBERNETES_FORBIDDEN", "refused", { next: "", status: 403 });
}

/** What catching up has to bring over. */
async function changePolicy({ cluster }: World): Promise<void> {
  const ref = {
    apiVersion: "crd.projectcalico.org/v1",
    plural: "networkpolicies",
    namespace: "shop",
    name: "owned",
  };
  const found = await cluster.get(ref);
  await cluster.replace(ref, { ...found, spec: { types: ["Ingress"], order: 77 } });
}
