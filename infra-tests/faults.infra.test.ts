import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { openEmbedded } from "../shared/adapters/embedded/index.ts";
import { SystemClock } from "../shared/adapters/system-clock.ts";
import { compact, policyKey, writePolicies } from "./crash/etcd-writes.ts";
import { bear, death } from "./crash/lives.ts";
import { dumpEtcd, dumpKubernetes } from "./harness/dump.ts";
import { startEtcdCluster } from "./harness/etcd-cluster.ts";
import { type FaultProxy, startFaultProxy } from "./harness/fault-proxy.ts";
import type { FaultRule } from "./harness/fault-rules.ts";
import { writeSeed } from "./harness/seed.ts";
import type { Snapshot } from "./harness/snapshot.ts";
import { startTcpProxy, type TcpProxy } from "./harness/tcp-proxy.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { waitUntil } from "./harness/wait.ts";
import { type Sides, startSides } from "./rig/clusters.ts";
import { openEngine, startRun, type TestEngine } from "./rig/runs.ts";

const CALICO = /projectcalico\.org|\/nodes\//;
const WRITES = ["POST", "PUT", "PATCH", "DELETE"];
const CLUSTER_INFORMATION = /clusterinformations\/default$/;
const OPTIONS = { quietMs: 100, batchSize: 40 };

/** Answers and broken connections, each now and then. */
const NOW_AND_THEN: readonly FaultRule[] = [
  { fault: { type: "answer", status: 429, retryAfterSeconds: 0 }, path: CALICO, probability: 0.04, seed: 1 },
  { fault: { type: "answer", status: 500 }, path: CALICO, probability: 0.03, seed: 2 },
  { fault: { type: "answer", status: 409 }, path: CALICO, methods: WRITES, probability: 0.03, seed: 3 },
  { fault: { type: "dropBefore" }, path: CALICO, probability: 0.03, seed: 4 },
  { fault: { type: "dropAfter" }, path: CALICO, methods: WRITES, probability: 0.05, seed: 5 },
];

describe("a migration while things go wrong", () => {
  let sides: Sides;
  let folder: string;
  let api: FaultProxy;
  let etcd: TcpProxy;
  let etcdBefore: Snapshot;
  let kubernetesBefore: Snapshot;
  let expected: Snapshot;

  before(async () => {
    sides = await startSides({ resources: 200, nodes: 4 });
    folder = temporaryFolder("faults");
    [api, etcd] = await Promise.all([startFaultProxy(sides.kubernetes.api), startTcpProxy(sides.etcd)]);
    etcdBefore = await dumpEtcd(sides.etcd);
    kubernetesBefore = await dumpKubernetes(sides.kubernetes.api);
    const rig = open("calm");
    const runId = await startRun(rig, OPTIONS);
    await end(rig, runId, "Succeeded");
    expected = await dumpKubernetes(sides.kubernetes.api);
    await rollBack(rig, runId);
    rig.close();
  });
  after(async () => {
    await Promise.all([api.stop(), etcd.stop()]);
    await sides.stop();
    removeFolder(folder);
  });
  beforeEach(() => {
    api.clear();
    etcd.delay(0);
  });

  function open(name: string): TestEngine {
    return openEngine(join(folder, `${name}.db`), {
      etcdEndpoint: etcd.endpoint,
      kubeconfig: api.kubeconfig,
    });
  }

  /** Runs to the end, disturbed by `disturb` from the moment when half a hundred objects are written. */
  async function survive(name: string, disturb: () => Promise<void> | void): Promise<void> {
    const rig = open(name);
    const written = api.seen.length;
    const runId = await startRun(rig, OPTIONS);
    const ended = rig.drive(runId);
    await waitUntil(
      { what: "objects are written", timeoutMs: 60_000 },
      () =>
        api.seen
          .slice(written)
          .filter(({ method, path }) => method === "POST" && /crd\.projectcalico/.test(path)).length > 50,
    );
    await disturb();
    await ended;
    await end(rig, runId, "Succeeded");
    await assertMigrated();
    await rollBack(rig, runId);
    rig.close();
  }

  async function end(rig: TestEngine, runId: string, state: string): Promise<void> {
    const run = await rig.drive(runId);
    assert.equal(run.state, state, JSON.stringify([run.stage, run.failure, run.waiting]));
  }

  async function rollBack(rig: TestEngine, runId: string): Promise<void> {
    await rig.engine.undo(runId, "rollback");
    await end(rig, runId, "RolledBack");
    api.clear();
    assert.deepEqual(etcdBefore.changesUntil(await dumpEtcd(sides.etcd)), []);
    assert.deepEqual(kubernetesBefore.changesUntil(await dumpKubernetes(sides.kubernetes.api)), []);
  }

  async function assertMigrated(): Promise<void> {
    assert.deepEqual(changedIds(expected, await dumpKubernetes(sides.kubernetes.api)), []);
    assert.deepEqual(changedIds(etcdBefore, await dumpEtcd(sides.etcd)), []);
  }

  test("the API server pushes back, fails, conflicts and loses connections before and after writes", async () => {
    await survive("answers", () => {
      for (const rule of NOW_AND_THEN) api.inject(rule);
    });
  });

  test("the API server does not answer some writes at all", async () => {
    await survive("stall", () => {
      api.inject({ fault: { type: "stall" }, path: CALICO, methods: ["POST"], count: 2 });
    });
  });

  test("the API server is killed and comes back", async () => {
    await survive("restart", async () => {
      sides.kubernetes.kill();
      await sides.kubernetes.restart();
    });
  });

  test("etcd answers slowly, goes away and comes back", async () => {
    await survive("etcd", async () => {
      await etcd.refuse();
      etcd.delay(15);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await etcd.accept();
    });
  });

  for (const stage of ["pre-copy", "lock"]) {
    test(`etcd forgets the revision of the copy before ${stage}`, async () => {
      const rig = open(`compact-${stage}`);
      const runId = await startRun(rig, OPTIONS, ["unlock", "switch"], stage);
      await end(rig, runId, "Waiting");
      await writePolicies(sides.etcd, { "default/new": {}, "default/gone": {} });
      await writePolicies(sides.etcd, { "default/gone": null });
      await compact(sides.etcd);
      await rig.engine.approve(runId, "test", stage);
      await end(rig, runId, "Succeeded");
      const added = changedIds(expected, await dumpKubernetes(sides.kubernetes.api));
      assert.deepEqual(added, ["/apis/crd.projectcalico.org/v1/networkpolicies/default/new"]);
      await rig.engine.undo(runId, "rollback");
      await end(rig, runId, "RolledBack");
      assert.deepEqual(changedIds(etcdBefore, await dumpEtcd(sides.etcd)), [policyKey("default/new")]);
      await writePolicies(sides.etcd, { "default/new": null });
      rig.close();
    });
  }

  test("a worker is stopped, another one takes over, and the first one wakes up", async () => {
    const store = join(folder, "takeover.db");
    const rig = open("takeover");
    const runId = await startRun(rig, OPTIONS);
    const request = {
      store,
      etcdEndpoint: etcd.endpoint,
      kubeconfig: api.kubeconfig,
      runId,
      leaseTtlMs: 2_000,
    };
    const first = bear(request);
    const { engine } = rig;
    await waitUntil({ what: "the copy has begun", timeoutMs: 60_000 }, async () => {
      return (await engine.describe(runId)).stages.at(-1)?.stage === "pre-copy";
    });
    // Not in the middle of a transaction, in which no process of one machine could take the store over.
    await waitUntil(
      { what: "the worker is stopped between two transactions", timeoutMs: 60_000 },
      async () => {
        first.kill("SIGSTOP");
        try {
          const probe = openEmbedded(store, { clock: new SystemClock(), busyTimeoutMs: 100 });
          await probe.store.releaseLease({ name: "probe", holder: "", token: 0, expiresAt: 0 });
          probe.close();
          return true;
        } catch (error) {
          first.kill("SIGCONT");
          throw error;
        }
      },
    );
    assert.equal(await death(bear(request)), false);
    await assertMigrated();
    first.kill("SIGCONT");
    assert.equal(await death(first), false);
    await assertMigrated();
    await rollBack(rig, runId);
    rig.close();
  });
});

describe("a migration while etcd loses its leader", () => {
  test("goes on with the next leader", async () => {
    const sides = await startSides({ resources: 150, nodes: 4 });
    const cluster = await startEtcdCluster(3);
    const folder = temporaryFolder("faults");
    try {
      const leader = await cluster.leader();
      const follower = cluster.members.find((member) => member !== leader) ?? leader;
      await writeSeed(follower, sides.seed);
      const etcdBefore = await dumpEtcd(follower);
      const places = { etcdEndpoint: follower.endpoint, kubeconfig: sides.kubernetes.kubeconfig };
      const rig = openEngine(join(folder, "store.db"), places);
      const runId = await startRun(rig, OPTIONS, ["unlock", "switch"], "lock");
      await rig.drive(runId);
      leader.kill();
      await rig.engine.approve(runId, "test", "lock");

      const { state, failure, waiting } = await rig.drive(runId);

      assert.equal(state, "Succeeded", JSON.stringify([failure, waiting]));
      assert.deepEqual(changedIds(etcdBefore, await dumpEtcd(follower)), []);
      rig.close();
    } finally {
      await Promise.all([sides.stop(), cluster.stop()]);
      removeFolder(folder);
    }
  });
});

function changedIds(one: Snapshot, other: Snapshot): string[] {
  const ids = one.changesUntil(other).map(({ id }) => id);
  return ids.filter((id) => !CLUSTER_INFORMATION.test(id));
}
