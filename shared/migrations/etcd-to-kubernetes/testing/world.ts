import type { TargetGroup } from "../../../calico/kinds.ts";
import { AdaptiveLimiter } from "../../../kubernetes/limiter.ts";
import { loadManifests } from "../../../kubernetes/manifests.ts";
import type { ClusterConnections } from "../../connections.ts";
import { RunWorld, type Worker } from "../../testing/run-world.ts";
import { etcdToKubernetes } from "../index.ts";
import { FakeEtcd } from "./fake-etcd.ts";
import { FakeKubernetes } from "../../testing/fake-kubernetes.ts";
import { type Life, WRITES } from "../../testing/life.ts";
import { fillSource, prepareTarget } from "./source.ts";

export type { Described, Worker } from "../../testing/run-world.ts";

/** Both sides of a migration in memory, and a store on disk: what outlives every worker. */
export class World extends RunWorld {
  readonly etcd = new FakeEtcd();
  readonly kubernetes = new FakeKubernetes();
  readonly group: TargetGroup;

  private constructor(group: TargetGroup) {
    super([etcdToKubernetes]);
    this.group = group;
  }

  /** A full source and an empty target. */
  static async create(group: TargetGroup = "crd.projectcalico.org/v1"): Promise<World> {
    const world = new World(group);
    fillSource(world.etcd);
    await prepareTarget(world.kubernetes, group);
    return world;
  }

  protected override connect(life: Life): ClusterConnections {
    const etcd = life.bind(this.etcd, WRITES.etcd);
    const kubernetes = life.bind(this.kubernetes, WRITES.kubernetes);
    return { kubernetes, limiter: new AdaptiveLimiter(), etcd: () => etcd, loadManifests };
  }
}

/** Starts a run with everything approved but what is left out. */
export async function startRun(
  { engine }: Worker,
  request: { options?: Record<string, unknown>; approvals?: readonly string[]; stopBefore?: string } = {},
): Promise<string> {
  const approvals = (request.approvals ?? ["unlock", "switch"]).map((subject) => ({
    subject,
    by: "test",
    at: 0,
  }));
  // A failure is looked at where it happens; that it has a run undone by itself has tests of its own.
  const options = { quietMs: 0, batchSize: 10, onLockFailure: "hold", ...request.options };
  const stop = request.stopBefore === undefined ? {} : { stopBefore: request.stopBefore };
  const run = await engine.start({
    migration: "etcd-to-kubernetes",
    cluster: "test",
    options,
    approvals,
    ...stop,
  });
  return run.runId;
}

/** Both sides as they are now. */
export interface Sides {
  etcd: Record<string, string>;
  kubernetes: Record<string, string>;
}

/** Takes down both sides. */
export function sidesOf({ etcd, kubernetes }: World): Sides {
  return { etcd: etcd.dump(), kubernetes: kubernetes.dump() };
}
