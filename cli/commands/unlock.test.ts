import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { lockedClusterInformation, readLock } from "../../shared/calico/lock.ts";
import { runLease } from "../../shared/engine/lease-names.ts";
import { AdaptiveLimiter } from "../../shared/kubernetes/limiter.ts";
import type { KubernetesApi } from "../../shared/kubernetes/types.ts";
import { CLUSTER_INFORMATION_KEY } from "../../shared/migrations/etcd-to-kubernetes/source-lock.ts";
import { FakeEtcd } from "../../shared/migrations/etcd-to-kubernetes/testing/fake-etcd.ts";
import { FakeKubernetes } from "../../shared/migrations/testing/fake-kubernetes.ts";
import { type FakeStack, withFakeStack } from "../testing/fake-stack.ts";
import { type FakeWorld, fakeWorld, runIn, runLine, runOnAws } from "../testing/fake-world.ts";

const OLD = { apiVersion: "crd.projectcalico.org/v1", plural: "clusterinformations", name: "default" };
const FORCED = ["--force", "--side", "etcd"];
const INFORMATION = {
  apiVersion: "crd.projectcalico.org/v1",
  kind: "ClusterInformation",
  metadata: { name: "default", annotations: { mine: "stays" } },
  spec: { clusterGUID: "g", datastoreReady: true },
};

const DAEMON_SETS = { apiVersion: "apps/v1", plural: "daemonsets", namespace: "kube-system" };

/** Runs calico-node, which is told to use this datastore. */
async function runCalicoNode(kubernetes: Pick<KubernetesApi, "create">, datastore: string): Promise<void> {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "kube-system" } };
  await kubernetes.create({ apiVersion: "v1", plural: "namespaces" }, namespace);
  const container = { name: "calico-node", env: [{ name: "DATASTORE_TYPE", value: datastore }] };
  await kubernetes.create(DAEMON_SETS, {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "calico-node", namespace: "kube-system" },
    spec: { template: { spec: { containers: [container] } } },
  });
}

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

    await locked.unlock("--force", "--side", "crd.projectcalico.org", "--anyway");
    const after = await locked.kubernetes.get(OLD);
    assert.deepEqual(readLock(after), { ready: true });
    assert.deepEqual((after["metadata"] as { annotations: object }).annotations, { mine: "stays" });
    assert.equal((await locked.unlock("--force", "--side", "etcd")).code, 0);
  });

  test("asks which one where there are several, also where only one is locked", async (t) => {
    const locked = await lockedWorld(t);
    assert.match((await locked.unlock("--force")).stderr, /etcd is locked, .* is locked \(SIDE_AMBIGUOUS\)/);
    locked.etcd.put(CLUSTER_INFORMATION_KEY, JSON.stringify(INFORMATION));
    const { stderr } = await locked.unlock("--force");
    assert.match(
      stderr,
      /etcd is not locked, .* \(SIDE_AMBIGUOUS\)\nnext: Name the datastore .* with --side/,
    );
    assert.equal((await locked.unlock("--force", "--side", "crd.projectcalico.org", "--anyway")).code, 0);
  });

  test("opens one and never two: not beside one that is open (SIDE_OTHER_OPEN), but with --anyway", async (t) => {
    const locked = await lockedWorld(t);
    await locked.unlock(...FORCED);
    const side = ["--force", "--side", "crd.projectcalico.org"];
    const { code, stderr } = await locked.unlock(...side);
    assert.deepEqual([code, readLock(await locked.kubernetes.get(OLD)).ready], [1, false]);
    assert.match(
      stderr,
      /etcd is open already, .* there is no DaemonSet calico-node in .* \(SIDE_OTHER_OPEN\)\nnext: .* give --anyway/,
    );
    assert.equal((await locked.unlock(...side, "--anyway")).code, 0);
    assert.equal((await locked.unlock(...side)).code, 0, "it is open");
  });

  test("opens what calico-node uses, not another one (SIDE_NOT_USED), but with --anyway", async (t) => {
    const locked = await lockedWorld(t);
    await runCalicoNode(locked.kubernetes, "kubernetes");
    const before = etcdValue(locked);
    assert.match((await locked.unlock()).stdout, /^crd\.projectcalico\.org +yes .* by calico-node *$/m);
    const { code, stderr } = await locked.unlock(...FORCED);
    assert.deepEqual([code, etcdValue(locked)], [1, before]);
    assert.match(
      stderr,
      /does not use etcd, but crd\.projectcalico\.org: DATASTORE_TYPE of kube-system\/calico-node is kubernetes.*\(SIDE_NOT_USED\)\nnext: .*`--side crd\.projectcalico\.org`/,
    );
    assert.match(
      (await locked.unlock("--force")).stderr,
      /SIDE_AMBIGUOUS\)\nnext: .*here --side crd\.project/,
    );
    assert.equal((await locked.unlock(...FORCED, "--anyway")).code, 0);
    await lock(locked, "etcd-to-kubernetes-1a2b3c4d");
    assert.equal((await locked.unlock("--force", "--side", "crd.projectcalico.org")).code, 0);
  });

  test("says that etcd was not asked where no option names it", async (t) => {
    const { world } = await lockedWorld(t);
    const { stdout, stderr } = await runIn(world, "unlock", "--kubeconfig", world.kubeconfig);
    assert.doesNotMatch(stdout, /^etcd/m);
    assert.match(stderr, /^etcd: not asked, as no --etcd-endpoints name it$/m);
  });

  test("refuses a lock that is not ours, until somebody has lifted it", async (t) => {
    const locked = await lockedWorld(t);
    const foreign = JSON.stringify({ ...INFORMATION, spec: { datastoreReady: false } });
    locked.etcd.put(CLUSTER_INFORMATION_KEY, foreign);
    const { code, stderr } = await locked.unlock("--force", "--side", "etcd");
    assert.deepEqual([code, etcdValue(locked)], [1, foreign]);
    assert.match(stderr, /\(LOCK_NOT_OURS\)\nnext: See who has set .*, and let them lift it\./);
    locked.etcd.put(CLUSTER_INFORMATION_KEY, JSON.stringify(INFORMATION));
    assert.equal((await locked.unlock("--force", "--side", "etcd")).code, 0);
  });

  test("refuses a datastore that is not there (LOCK_MISSING): what it shows without --side is", async (t) => {
    const locked = await lockedWorld(t);
    const line = ["unlock", "--kubeconfig", locked.world.kubeconfig];
    const { stderr } = await runIn(locked.world, ...line, "--force", "--side", "etcd");
    assert.match(
      stderr,
      /\(LOCK_MISSING\)\nnext: .*`calico-migrator unlock --kubeconfig [^`]*` .* named with --etcd-endpoints/,
    );
    assert.doesNotMatch((await runIn(locked.world, ...line)).stdout, /^etcd/m);
    assert.match((await locked.unlock()).stdout, /^etcd/m);
    assert.equal((await locked.unlock("--force", "--side", "etcd")).code, 0);
  });

  test("refuses the lock of a run that the store knows, until that has ended", async (t) => {
    const world = fakeWorld(t);
    await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "-q");
    const runId = (await runIn(world, "get", "-o", "name")).stdout.trim().split("/").at(-1) ?? "";
    const locked = await lockedWorld(t, runId);
    const before = etcdValue(locked);
    const unlock = () =>
      runIn(Object.assign(locked.world, { store: world.store }), "unlock", ...wayTo(locked.world), ...FORCED);
    const { code, stderr } = await unlock();
    assert.deepEqual([code, etcdValue(locked)], [1, before]);
    assert.match(stderr, new RegExp(`RUN_ALIVE\\)\\nnext: .*resume ${runId}.*rollback ${runId}`));

    await lock(locked, "etcd-to-kubernetes-ffffffff");
    assert.match(
      (await unlock()).stderr,
      new RegExp(`run "${runId}" on prod .*RUN_ALIVE`),
      "it holds the cluster",
    );

    assert.equal((await runIn(world, "rollback", "--yes", "-q")).code, 0);
    assert.equal((await unlock()).code, 0);
  });
});

describe("the lock of a run that was given up", () => {
  test("is lifted by what unlock says next, and the run's record says so from then on", async (t) => {
    const world = fakeWorld(t);
    await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "-q");
    const runId = (await runIn(world, "get", "-o", "name")).stdout.trim().split("/").at(-1) ?? "";
    const locked = Object.assign((await lockedWorld(t, runId)).world, { store: world.store });
    const cluster = await locked.openCluster({} as never, {} as never);
    await runCalicoNode(cluster.connections.kubernetes, "kubernetes");
    assert.equal((await runIn(world, "abandon", runId, "--yes", "--force", "-q")).code, 0);

    const before = await runIn(world, "get");
    assert.match(before.stderr, /^DATASTORE LOCKED at .*, when the run became Abandoned: `unlock` shows/m);
    const { stderr } = await runIn(locked, "unlock", ...wayTo(locked));
    const [, line = ""] = /next: run .* is Abandoned, .*: `calico-migrator (.*?)` does/.exec(stderr) ?? [];
    assert.match(line, /^unlock --force --side crd\.projectcalico\.org .*--etcd-endpoints .*--store /);
    const lifted = await runLine(locked, line.split(" "));
    assert.equal(lifted.code, 0, lifted.stderr);
    assert.match(lifted.stderr, /its record says that the datastore is unlocked/);

    const after = await runIn(world, "describe", runId);
    assert.match(after.stdout, /DatastoreLocked +False +\S+Z +Unlocked/);
    assert.match(after.stdout, /datastore\.unlocked +side=kubernetes .*by=alice/);
    assert.doesNotMatch((await runIn(world, "get")).stdout + after.stderr, /LOCKED at|at its end/);
    assert.match(
      (await runIn(locked, "unlock", ...wayTo(locked))).stderr,
      /is open: leave the other one locked/,
    );
  });
});

describe("unlock --aws", () => {
  test("looks at the cluster alone, without asking AWS, and names the way back there", async (t) => {
    const { world } = await lockedWorld(t);
    const { code, stdout, stderr } = await runOnAws(world, "unlock", ...wayTo(world));
    assert.equal(code, 4, stderr);
    assert.match(stdout, /^etcd +yes +etcd-to-kubernetes-1a2b3c4d/m);
    assert.match(stderr, /next: .*rollback etcd-to-kubernetes-1a2b3c4d --aws.*docs\/break-glass\.md/);
  });

  test("lifts the lock of a run that the stack's table does not know, or knows at its end", async (t) => {
    const { locked, runId, unlock } = await onAws(t);
    assert.equal((await runOnAws(locked.world, "rollback", runId, "--yes", "-q")).code, 0);
    const { code, stderr } = await unlock();
    assert.deepEqual([code, etcdValue(locked)], [0, JSON.stringify(INFORMATION)], stderr);
    await lock(locked, "etcd-to-kubernetes-ffffffff");
    assert.equal((await unlock("--cluster", "prod")).code, 0);
  });

  test("refuses it while the table knows a run that can go on: of the mark, or on the cluster", async (t) => {
    const { locked, runId, unlock } = await onAws(t);
    const before = etcdValue(locked);
    const { code, stderr } = await unlock();
    assert.deepEqual([code, etcdValue(locked)], [1, before]);
    assert.match(
      stderr,
      new RegExp(
        `run "${runId}" on prod is in the stack's table.*Waiting, and nobody works on it right now \\(RUN_ALIVE\\)\nnext: .*resume ${runId} --aws.*rollback ${runId} --aws.*--unfinished ${runId}`,
      ),
    );
    await lock(locked, "etcd-to-kubernetes-ffffffff");
    assert.match((await unlock("--cluster", "prod")).stderr, new RegExp(`run "${runId}".*RUN_ALIVE`));
  });

  test("lifts it with the run's name where the functions are broken, and says what has to follow", async (t) => {
    const { locked, stack, runId, unlock } = await onAws(t);
    const other = await unlock("--unfinished", "etcd-to-kubernetes-ffffffff");
    assert.match(other.stderr, /RUN_ALIVE/);
    const before = etcdValue(locked);
    const lease = await stack.store.acquireLease(runLease(runId), "a-function", 60_000);
    assert.ok(lease);
    const worked = await unlock("--unfinished", runId);
    assert.deepEqual([worked.code, etcdValue(locked)], [1, before]);
    assert.match(worked.stderr, /a-function \(.*\) works on it \(RUN_ALIVE\)\nnext: .*rollback/);
    assert.doesNotMatch(worked.stderr, /--unfinished/);
    await stack.store.releaseLease(lease);
    const { code, stderr } = await unlock("--unfinished", runId);
    assert.deepEqual([code, etcdValue(locked)], [0, JSON.stringify(INFORMATION)]);
    assert.match(stderr, new RegExp(`next: run ${runId} still counts on its lock: .*docs/break-glass\\.md`));
  });

  test("takes no cluster's name for whatever kubectl has chosen, nor one that is not registered", async (t) => {
    const { locked, unlock } = await onAws(t);
    const { code, stderr } = await runOnAws(locked.world, "unlock", "--cluster", "prod", "--force");
    assert.deepEqual(
      [code, /--kubeconfig is missing.*\(USAGE\)\nnext: Give --kubeconfig/.test(stderr)],
      [2, true],
    );
    assert.match((await unlock("--cluster", "prod")).stderr, /RUN_ALIVE/, "with it, it is looked at");
    await lock(locked, "etcd-to-kubernetes-ffffffff");
    assert.match((await unlock("--cluster", "pord")).stderr, /\(CLUSTER_NOT_FOUND\)/);
    const local = await runIn(locked.world, "unlock", ...wayTo(locked.world), ...FORCED, "--unfinished", "a");
    assert.deepEqual([local.code, /--unfinished goes with --aws/.test(local.stderr)], [2, true]);
    assert.match(
      local.stderr,
      /\(USAGE\)\nnext: Where this machine has the store, `rollback` or `abandon` ends/,
    );
  });
});

interface OnAws {
  locked: Locked;
  stack: FakeStack;
  /** A run on AWS that has locked the cluster, and waits. */
  runId: string;
  unlock: (...words: string[]) => ReturnType<typeof runIn>;
}

async function onAws(t: TestContext): Promise<OnAws> {
  const locked = await lockedWorld(t);
  const { world } = locked;
  const stack = withFakeStack(t, world);
  await stack.clusters.add({ name: "prod", server: "https://prod.example.com:6443/", secretArn: "arn" });
  assert.equal((await runOnAws(world, "start", "fake", "--cluster", "prod", "-q")).code, 4);
  const runId = (await runOnAws(world, "get", "-o", "name")).stdout.trim().split("/").at(-1) ?? "";
  await lock(locked, runId);
  const line = [...wayTo(world), ...FORCED];
  return { locked, stack, runId, unlock: (...words) => runOnAws(world, "unlock", ...line, ...words) };
}

/** A run locks etcd, which was free or had another's lock. */
function lock({ etcd }: Locked, runId: string): Promise<void> {
  etcd.put(CLUSTER_INFORMATION_KEY, lockedClusterInformation(JSON.stringify(INFORMATION), runId));
  return Promise.resolve();
}

function wayTo({ kubeconfig }: FakeWorld): string[] {
  return ["--kubeconfig", kubeconfig, "--etcd-endpoints", "http://10.0.0.1:2379"];
}
