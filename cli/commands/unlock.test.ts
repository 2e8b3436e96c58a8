import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { lockedClusterInformation, readLock } from "../../shared/calico/lock.ts";
import { AdaptiveLimiter } from "../../shared/kubernetes/limiter.ts";
import { CLUSTER_INFORMATION_KEY } from "../../shared/migrations/etcd-to-kubernetes/source-lock.ts";
import { FakeEtcd } from "../../shared/migrations/etcd-to-kubernetes/testing/fake-etcd.ts";
import { FakeKubernetes } from "../../shared/migrations/testing/fake-kubernetes.ts";
import { type FakeWorld, fakeWorld, runIn } from "../testing/fake-world.ts";

const OLD = { apiVersion: "crd.projectcalico.org/v1", plural: "clusterinformations", name: "default" };
const INFORMATION = {
  apiVersion: "crd.projectcalico.org/v1",
  kind: "ClusterInformation",
  metadata: { name: "default", annotations: { mine: "stays" } },
  spec: { clusterGUID: "g", datastoreReady: true },
};

interface Locked {
  world: FakeWorld;
  etcd: FakeEtcd;
  kubernetes: FakeKubernetes;
  unlock: (...words: string[]) => ReturnType<typeof runIn>;
}

/** A cluster of which both datastores are locked by this run. */
async function lockedWorld(t: TestContext, runId = "etcd-to-kubernetes-1a2b3c4d"): Promise<Locked> {
  const [world, etcd, kubernetes] = [fakeWorld(t), new FakeEtcd(), new FakeKubernetes()];
  etcd.put(CLUSTER_INFORMATION_KEY, lockedClusterInformation(JSON.stringify(INFORMATION), runId));
  await kubernetes.create(OLD, lockedClusterInformation(INFORMATION, runId));
  const connections = { kubernetes, limiter: new AdaptiveLimiter(), etcd: () => etcd };
  Object.assign(world, {
    openCluster: () => Promise.resolve({ connections, close: () => Promise.resolve() }),
  });
  const line = ["--kubeconfig", world.kubeconfig, "--etcd-endpoints", "http://10.0.0.1:2379"];
  return { world, etcd, kubernetes, unlock: (...words) => runIn(world, "unlock", ...line, ...words) };
}

function etcdValue({ etcd }: Locked): string {
  return etcd.dump()[CLUSTER_INFORMATION_KEY] ?? "";
}

describe("unlock", () => {
  test("shows what is locked and by whom, and changes nothing without --force", async (t) => {
    const locked = await lockedWorld(t);
    const before = etcdValue(locked);
    const { code, stdout, stderr } = await locked.unlock();
    assert.equal(code, 4);
    assert.match(stdout, /^etcd +yes +etcd-to-kubernetes-1a2b3c4d *\ncrd\.projectcalico\.org +yes/m);
    assert.match(stderr, /next: .*rollback etcd-to-kubernetes-1a2b3c4d.*docs\/break-glass\.md/);
    assert.equal(etcdValue(locked), before);
  });

  test("lifts one lock, and nothing else", async (t) => {
    const locked = await lockedWorld(t);
    const { code, stdout, stderr } = await locked.unlock("--force", "--side", "etcd");
    assert.deepEqual([code, etcdValue(locked)], [0, JSON.stringify(INFORMATION)], stderr);
    assert.match(stdout, /^etcd +no *\ncrd\.projectcalico\.org +yes/m);

    await locked.unlock("--force", "--side", "crd.projectcalico.org");
    const after = await locked.kubernetes.get(OLD);
    assert.deepEqual(readLock(after), { ready: true });
    assert.deepEqual((after["metadata"] as { annotations: object }).annotations, { mine: "stays" });
    assert.equal((await locked.unlock("--force", "--side", "etcd")).code, 0);
  });

  test("asks which one where there are several, also where only one is locked", async (t) => {
    const locked = await lockedWorld(t);
    assert.match((await locked.unlock("--force")).stderr, /etcd is locked, .* is locked \(SIDE_AMBIGUOUS\)/);
    locked.etcd.put(CLUSTER_INFORMATION_KEY, JSON.stringify(INFORMATION));
    assert.match((await locked.unlock("--force")).stderr, /etcd is not locked, .* \(SIDE_AMBIGUOUS\)/);
  });

  test("refuses a lock that is not ours", async (t) => {
    const locked = await lockedWorld(t);
    const foreign = JSON.stringify({ ...INFORMATION, spec: { datastoreReady: false } });
    locked.etcd.put(CLUSTER_INFORMATION_KEY, foreign);
    const { code, stderr } = await locked.unlock("--force", "--side", "etcd");
    assert.deepEqual([code, etcdValue(locked)], [1, foreign]);
    assert.match(stderr, /LOCK_NOT_OURS/);
  });

  test("refuses the lock of a run that the store knows, until that has ended", async (t) => {
    const world = fakeWorld(t);
    await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "-q");
    const runId = (await runIn(world, "get", "-o", "name")).stdout.trim().split("/").at(-1) ?? "";
    const locked = await lockedWorld(t, runId);
    const before = etcdValue(locked);
    const unlock = () =>
      runIn(Object.assign(locked.world, { store: world.store }), "unlock", ...wayTo(locked.world));
    const { code, stderr } = await unlock();
    assert.deepEqual([code, etcdValue(locked)], [1, before]);
    assert.match(stderr, new RegExp(`RUN_ALIVE\\)\\nnext: .*resume ${runId}.*rollback ${runId}`));

    assert.equal((await runIn(world, "rollback", "--yes", "-q")).code, 0);
    assert.equal((await unlock()).code, 0);
  });
});

function wayTo({ kubeconfig }: FakeWorld): string[] {
  const etcd = ["--etcd-endpoints", "http://10.0.0.1:2379"];
  return ["--kubeconfig", kubeconfig, ...etcd, "--force", "--side", "etcd"];
}
