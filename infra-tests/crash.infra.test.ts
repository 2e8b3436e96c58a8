import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type LifeRequest, liveThrough, type Span } from "./crash/lives.ts";
import { dumpEtcd, dumpKubernetes } from "./harness/dump.ts";
import type { Snapshot } from "./harness/snapshot.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type Sides, startSides } from "./rig/clusters.ts";
import { openEngine, startRun } from "./rig/runs.ts";

const RESOURCES = 200;
/** How many write boundaries a life lasts: short ones for a while, then longer ones, or only short ones where there is time. */
const LIVES =
  process.env["CALICO_MIGRATOR_CRASH"] === "all" ? { first: 23, growth: 1 } : { first: 150, growth: 60 };
const CLUSTER_INFORMATION = /clusterinformations\/default$/;

/** Both sides at one moment. */
interface Dumps {
  etcd: Snapshot;
  kubernetes: Snapshot;
}

describe("a worker process that is killed again and again", () => {
  let sides: Sides;
  let folder: string;
  let untouched: Dumps;
  let calm: Dumps;

  before(async () => {
    sides = await startSides({ resources: RESOURCES });
    folder = temporaryFolder("crash");
    untouched = await dump();
    calm = (await thereAndBack("calm", () => [])).migrated;
  });
  after(async () => {
    await sides.stop();
    removeFolder(folder);
  });

  async function dump(): Promise<Dumps> {
    const [etcd, kubernetes] = await Promise.all([
      dumpEtcd(sides.etcd),
      dumpKubernetes(sides.kubernetes.api),
    ]);
    return { etcd, kubernetes };
  }

  async function newRun(name: string): Promise<LifeRequest> {
    const places = { etcdEndpoint: sides.etcd.endpoint, kubeconfig: sides.kubernetes.kubeconfig };
    const store = join(folder, `${name}.db`);
    const rig = openEngine(store, places);
    const runId = await startRun(rig, { quietMs: 100, batchSize: 40 });
    rig.close();
    return { store, ...places, runId };
  }

  async function stateOf({ store, runId, ...places }: LifeRequest): Promise<string> {
    const rig = openEngine(store, places);
    const { run } = await rig.engine.describe(runId);
    rig.close();
    return `${run.state} ${run.failure?.message ?? ""}`.trim();
  }

  async function askForRollback({ store, runId, ...places }: LifeRequest): Promise<void> {
    const rig = openEngine(store, places);
    await rig.engine.undo(runId, "rollback");
    rig.close();
  }

  async function assertUntouched(): Promise<void> {
    const now = await dump();
    assert.deepEqual(untouched.etcd.changesUntil(now.etcd), []);
    assert.deepEqual(untouched.kubernetes.changesUntil(now.kubernetes), []);
  }

  /** A migration and its rollback by workers of such lives; what both sides were in between, and how many died. */
  async function thereAndBack(
    name: string,
    spans: () => Iterable<Span>,
  ): Promise<{ migrated: Dumps; deaths: number[] }> {
    const request = await newRun(name);
    const forward = await liveThrough(request, spans());
    assert.equal(await stateOf(request), "Succeeded");
    const migrated = await dump();
    await askForRollback(request);
    const back = await liveThrough(request, spans());
    assert.equal(await stateOf(request), "RolledBack");
    await assertUntouched();
    return { migrated, deaths: [forward, back] };
  }

  async function assertSame(name: string, spans: () => Iterable<Span>): Promise<void> {
    const { migrated, deaths } = await thereAndBack(name, spans);
    assert.ok(
      deaths.every((count) => count > 2),
      `${deaths.join(" and ")} deaths`,
    );
    assert.deepEqual(changesBut(CLUSTER_INFORMATION, calm.kubernetes, migrated.kubernetes), []);
    assert.deepEqual(changesBut(CLUSTER_INFORMATION, untouched.etcd, migrated.etcd), []);
  }

  test("at any write ends a migration and its rollback as an undisturbed one does", async () => {
    await assertSame("hunted", spans);
  });

  test("in every stage ends a migration and its rollback as an undisturbed one does", async () => {
    await assertSame("staged", stages);
  });

  test("at random moments ends a migration and its rollback as an undisturbed one does", async (t) => {
    const seed = Number(process.env["CALICO_MIGRATOR_CRASH_SEED"] ?? randomInt(2 ** 31));
    t.diagnostic(`to repeat the moments: CALICO_MIGRATOR_CRASH_SEED=${seed}`);
    await assertSame("surprised", () => moments(seed));
  });
});

/** ClusterInformation bears the id of the run that holds its lock. */
function changesBut(excepted: RegExp, one: Snapshot, other: Snapshot): string[] {
  return one
    .changesUntil(other)
    .map(({ id }) => id)
    .filter((id) => !excepted.test(id));
}

function* spans(): Generator<number, void> {
  for (let span = LIVES.first; ; span += LIVES.growth) yield span;
}

/**
 * Counted in write boundaries, which a machine's speed does not change: the first three lives are shorter than those of
 * `spans`. Lives grow, so that the run comes to its end. The same for the same seed.
 */
function* moments(seed: number): Generator<Span, void> {
  let state = seed;
  const random = (below: number): number => {
    // The linear congruential generator of Numerical Recipes: enough to scatter moments.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let life = 0; ; life++) yield { boundaries: 10 + random(90 + 40 * life), ms: random(30) };
}

function* stages(): Generator<"stage", void> {
  for (;;) yield "stage";
}
