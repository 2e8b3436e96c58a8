import assert from "node:assert/strict";
import type { JsonObject } from "../../../json.ts";
import { MigratorError } from "../../../errors.ts";
import { resourceKey } from "../../../calico/testing/samples.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { AdaptiveLimiter } from "../../../kubernetes/limiter.ts";
import { fillCluster } from "../../apiserver-to-crds/testing/cluster.ts";
import { FakeCluster } from "../../apiserver-to-crds/testing/fake-cluster.ts";
import { fillSource as fillOldGroup } from "../../apiserver-to-crds/testing/source.ts";
import type { ClusterConnections } from "../../connections.ts";
import { FakeEtcd } from "../../etcd-to-kubernetes/testing/fake-etcd.ts";
import { fillSource } from "../../etcd-to-kubernetes/testing/source.ts";
import { type Life, WRITES } from "../../testing/life.ts";
import { type Described, RunWorld, type Worker } from "../../testing/run-world.ts";
import { backupBothSides } from "../backup.ts";
import { restore } from "../restore/index.ts";

/** Everything that a restore may ask a person about. */
export const CONSENTS = [
  "restore",
  "addresses",
  "uncarried",
  "only-here",
  "hidden-natives",
  "foreign-lock",
  "incomplete-backup",
];

const NODES = { apiVersion: "v1", plural: "nodes" };
const NODE = "node-b";

/** A cluster with Calico's objects, an etcd with its keys, and a store on disk. */
export class RestoreWorld extends RunWorld {
  readonly cluster = new FakeCluster();
  readonly etcd = new FakeEtcd();
  /** False for a cluster that has no etcd of Calico's. */
  hasEtcd = true;

  private constructor() {
    super([backupBothSides, restore]);
  }

  /** Both sides full. */
  static async create(): Promise<RestoreWorld> {
    const world = new RestoreWorld();
    await fillCluster(world.cluster);
    await fillOldGroup(world.cluster);
    const annotations = { "projectcalico.org/IPv4Address": "192.0.2.11/24", "example.com/rack": "7" };
    await world.cluster.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: NODE, annotations },
    });
    fillSource(world.etcd);
    return world;
  }

  protected override connect(life: Life): ClusterConnections {
    const kubernetes = life.bind(this.cluster, WRITES.kubernetes);
    const etcd = life.bind(this.etcd, WRITES.etcd);
    return {
      kubernetes,
      limiter: new AdaptiveLimiter(),
      etcd: () => {
        if (this.hasEtcd) return etcd;
        throw new MigratorError("ETCD_NOT_CONFIGURED", "there is no etcd", { next: "" });
      },
    };
  }
}

/** Makes a backup and gives its run. */
export async function backUp(world: RestoreWorld, worker: Worker): Promise<string> {
  const { runId } = await worker.engine.start({
    migration: "backup",
    cluster: "test",
    options: {},
    approvals: [],
  });
  assertState(await world.drive(worker, runId), "Succeeded");
  return runId;
}

/** What a restore is asked for. */
export interface RestoreRequest {
  from: string;
  side: "etcd" | "kubernetes";
  stopBefore?: string;
}

/** Starts a restore. */
export async function startRestore({ engine }: Worker, request: RestoreRequest): Promise<string> {
  const { from, side, stopBefore } = request;
  const run = await engine.start({
    migration: "restore",
    cluster: "test",
    options: { from, side, onLockFailure: "hold" },
    approvals: [],
    ...(stopBefore === undefined ? {} : { stopBefore }),
  });
  return run.runId;
}

/** Lets a run go on, and approves whatever it asks for of these subjects. */
export async function driveApproving(
  world: RunWorld,
  worker: Worker,
  runId: string,
  subjects: readonly string[] = CONSENTS,
): Promise<Described> {
  for (;;) {
    const described = await world.drive(worker, runId);
    const { waiting } = described.run;
    if (worker.life.dead || waiting?.subject === undefined || !subjects.includes(waiting.subject))
      return described;
    await Promise.race([worker.engine.approve(runId, "test", waiting.subject), worker.life.ended]);
  }
}

/** Fails with what holds the run back when it is in another state. */
export function assertState({ run }: Described, state: Described["run"]["state"]): void {
  const { stage, failure, waiting } = run;
  assert.equal(run.state, state, JSON.stringify({ stage, failure, waiting }));
}

/** Both sides as they are now. */
export function sidesOf({ cluster, etcd }: RestoreWorld): Record<string, string> {
  return { ...cluster.dump(), ...etcd.dump() };
}

/** Somebody deletes the definitions of the old group, with all objects in them. */
export async function wipeOldGroup({ cluster }: RestoreWorld): Promise<void> {
  for (const { metadata, spec } of (await cluster.list(crdResource)).items) {
    if ((spec as JsonObject)["group"] !== "crd.projectcalico.org") continue;
    await cluster.delete({ ...crdResource, name: textAt(metadata as JsonObject, "name") });
  }
}

/** Somebody deletes every key of etcd. */
export function wipeEtcd({ etcd }: RestoreWorld): void {
  for (const key of Object.keys(etcd.dump())) etcd.delete(key);
}

const POOL = { apiVersion: "crd.projectcalico.org/v1", plural: "ippools" };

/** Something of every kind of change: gone, changed, added. */
export async function disturb({ cluster, etcd }: RestoreWorld): Promise<void> {
  etcd.delete(resourceKey("tiers", "secure"));
  etcd.put(resourceKey("ippools", "v6"), "{}");
  etcd.put(resourceKey("ippools", "new"), "{}");
  const [pool] = (await cluster.list(POOL)).items;
  const name = textAt(pool ?? {}, "metadata", "name");
  await cluster.patch({ ...POOL, name }, { spec: { disabled: true } }, { type: "merge" });
  await cluster.delete({ ...POOL, plural: "globalnetworksets", name: "office" });
  const nodes = { apiVersion: "v1", plural: "nodes", name: "node-b" };
  const annotations = { "projectcalico.org/IPv4Address": null, "projectcalico.org/ASNumber": "64512" };
  await cluster.patch(nodes, { metadata: { annotations } }, { type: "merge" });
}
