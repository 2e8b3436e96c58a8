import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type LifeRequest, liveThrough, type Span } from "./crash/lives.ts";
import type { Snapshot } from "./harness/snapshot.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { dumpGroups, withoutOwnerUids } from "./rig/native/dump.ts";
import { clusterState, type ClusterState, differences, oldVersions } from "./rig/native/state.ts";
import { openEngine, startNativeRun, type TestEngine } from "./rig/runs.ts";

/** How many write boundaries a life lasts at first, and how many more each one after it, at most. */
const LIVES =
  process.env["CALICO_MIGRATOR_CRASH"] === "all" ? { first: 10, growth: 2 } : { first: 80, growth: 60 };
const LOCK = /clusterinformations\/default$/;

describe("a worker process of a migration to native CRDs that is killed again and again", () => {
  let bed: NativeBed;
  let untouched: ClusterState;
  /** A run that nobody disturbed until only the cleanup was left, and what it has moved. */
  let first: LifeRequest;
  let calm: Snapshot;
  const folder = temporaryFolder("native-crash");
  const seed = Number(process.env["CALICO_MIGRATOR_CRASH_SEED"] ?? randomInt(2 ** 31));

  before(async () => {
    bed = await startNativeBed({ resources: 120, nodes: 1 });
    untouched = await clusterState(bed.api);
    first = await newRun("first", ["unlock"]);
    assert.deepEqual(await through(first, []), { deaths: 0, end: "Waiting cleanup" });
    calm = await native();
  });
  after(async () => {
    await bed.stop();
    removeFolder(folder);
  });

  async function newRun(name: string, approvals: readonly string[]): Promise<LifeRequest> {
    const request = { store: join(folder, `${name}.db`), kubeconfig: bed.kubernetes.kubeconfig };
    return onEngine(request, async (rig) => {
      const options = { crds: bed.manifestFile, quietMs: 100, batchSize: 20 };
      return { ...request, runId: await startNativeRun(rig, options, { approvals }) };
    });
  }

  async function onEngine<T>(
    { store, kubeconfig }: Pick<LifeRequest, "store" | "kubeconfig">,
    act: (rig: TestEngine) => Promise<T>,
  ): Promise<T> {
    const rig = openEngine(store, { kubeconfig });
    try {
      return await act(rig);
    } finally {
      rig.close();
    }
  }

  /** Lets workers of such lives take the run as far as it goes, and says where that is. */
  async function through(
    request: LifeRequest,
    spans: Iterable<Span>,
  ): Promise<{ deaths: number; end: string }> {
    const deaths = await liveThrough(request, spans);
    const { run } = await onEngine(request, (rig) => rig.engine.describe(request.runId));
    return { deaths, end: [run.state, run.waiting?.subject, run.failure?.message].filter(Boolean).join(" ") };
  }

  async function askForRollback(request: LifeRequest): Promise<void> {
    await onEngine(request, (rig) => rig.engine.undo(request.runId, "rollback"));
  }

  const native = async () => withoutOwnerUids((await dumpGroups(bed.api)).native);

  test(`at random writes of the way back leaves everything as it was (seed ${seed})`, async () => {
    await askForRollback(first);
    const { deaths, end } = await through(first, writes(seed));
    assert.equal(end, "RolledBack");
    assert.ok(deaths > 4, `${deaths} deaths`);
    assert.deepEqual(differences(untouched, await clusterState(bed.api)), []);
  });

  test(`at random writes of the way there, and in every stage of the way back, leaves everything as it was (seed ${seed})`, async () => {
    const request = await newRun("there-and-back", ["unlock"]);
    const there = await through(request, writes(seed + 1));
    assert.equal(there.end, "Waiting cleanup");
    assert.ok(there.deaths > 4, `${there.deaths} deaths`);
    await assertMoved();
    await askForRollback(request);
    const back = await through(request, stages());
    assert.equal(back.end, "RolledBack");
    assert.ok(back.deaths > 4, `${back.deaths} deaths`);
    assert.deepEqual(differences(untouched, await clusterState(bed.api)), []);
  });

  test("at the first write of every stage ends as an undisturbed one does", async () => {
    const request = await newRun("to-the-end", ["unlock", "cleanup"]);
    const { deaths, end } = await through(request, stages());
    assert.equal(end, "Succeeded");
    assert.ok(deaths > 15, `${deaths} deaths`);
    assert.deepEqual(movedDifferently(await native()), []);
    assert.equal((await bed.api.request("GET", "/apis/crd.projectcalico.org/v1")).status, 404);
  });

  async function assertMoved(): Promise<void> {
    assert.deepEqual(movedDifferently(await native()), []);
    assert.deepEqual(untouched.versions.changesUntil(await oldVersions(bed.api)), []);
  }

  /** ClusterInformation tells what each component saw last. */
  function movedDifferently(now: Snapshot): string[] {
    return calm
      .changesUntil(now)
      .map(({ id }) => id)
      .filter((id) => !LOCK.test(id));
  }
});

/** Lives that end at a random write; they grow, so that the run comes to its end. The same for the same seed. */
function* writes(seed: number): Generator<number, void> {
  let state = seed;
  for (let life = 1; ; life++) {
    // The linear congruential generator of Numerical Recipes: enough to scatter moments.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield 1 + Math.round(LIVES.first + (state / 2 ** 32) * LIVES.growth * life);
  }
}

function* stages(): Generator<"stage", void> {
  for (;;) yield "stage";
}
