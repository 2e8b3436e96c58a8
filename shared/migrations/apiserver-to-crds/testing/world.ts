import assert from "node:assert/strict";
import { defineMigration, type Stage } from "../../../engine/migration.ts";
import type { JsonObject } from "../../../json.ts";
import { AdaptiveLimiter } from "../../../kubernetes/limiter.ts";
import { restore } from "../../backup/restore/index.ts";
import type { ClusterConnections } from "../../connections.ts";
import { lockPolicy } from "../../lock-options.ts";
import { type Life, WRITES } from "../../testing/life.ts";
import { RunWorld, type Worker } from "../../testing/run-world.ts";
import { leaveOutRule as leaveOut } from "../left-out.ts";
import { ApiserverToCrdsOptions } from "../options.ts";
import { fillCluster, nativeCrds } from "./cluster.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { disturbed, Meanwhile } from "./meanwhile.ts";

type AnyStage = Stage<ClusterConnections, ApiserverToCrdsOptions>;

/** What a way back does before everything else, and after. */
interface Around {
  beforeUndo?: readonly AnyStage[] | undefined;
  afterUndo?: readonly AnyStage[] | undefined;
}

/** A cluster with Calico's API server in memory, its manifest of native CRDs, and a store on disk. */
export class World extends RunWorld {
  readonly cluster = new FakeCluster();
  /** What the manifest `native` holds. */
  manifest: JsonObject[] = nativeCrds();
  /** What others do around the writes of the run. */
  readonly meanwhile = new Meanwhile();

  private constructor(stages: readonly AnyStage[], { beforeUndo = [], afterUndo = [] }: Around) {
    const traits = { name: "test", title: "test", options: ApiserverToCrdsOptions, lockPolicy, leaveOut };
    super([defineMigration({ ...traits, stages, beforeUndo, afterUndo }), restore]);
  }

  /** With Calico installed, and a migration of these stages. */
  static async create(stages: readonly AnyStage[], around: Around = {}): Promise<World> {
    const world = new World(stages, around);
    await fillCluster(world.cluster);
    return world;
  }

  protected override connect(life: Life): ClusterConnections {
    const kubernetes = life.bind(disturbed(this.cluster, this.meanwhile), WRITES.kubernetes);
    return {
      kubernetes,
      limiter: new AdaptiveLimiter(),
      etcd: () => {
        throw new Error("there is no etcd in this migration");
      },
      loadManifests: () => Promise.resolve(this.manifest),
    };
  }
}

/** What a run of a test is asked for. */
interface Request {
  options?: JsonObject;
  /** Default: the points of no return. */
  approvals?: readonly string[];
  stopBefore?: string;
}

/** Starts a run of the migration under test. */
export async function startRun(
  { engine }: Worker,
  { options = {}, approvals = ["unlock", "cleanup"], stopBefore }: Request = {},
): Promise<string> {
  const run = await engine.start({
    migration: "test",
    cluster: "test",
    // A failure is looked at where it happens; that it has a run undone by itself has tests of its own.
    options: { crds: "native", onLockFailure: "hold", ...options },
    approvals: approvals.map((subject) => ({ subject, by: "test", at: 0 })),
    ...(stopBefore === undefined ? {} : { stopBefore }),
  });
  return run.runId;
}

/** Starts a run and lets it go on until it ends, or right before a stage. Fails when it stops anywhere else. */
export async function runTo(world: World, worker: Worker, request: Request = {}): Promise<string> {
  const runId = await startRun(worker, request);
  const { state, stage, failure, waiting } = (await world.drive(worker, runId)).run;
  const wanted = request.stopBefore ?? "Succeeded";
  assert.equal(waiting?.subject ?? state, wanted, JSON.stringify({ stage, failure, waiting }));
  return runId;
}

/** Undoes a run to its end. */
export async function rollBack(world: World, worker: Worker, runId: string): Promise<void> {
  await worker.engine.undo(runId, "rollback");
  const { state, stage, failure, waiting } = (await world.drive(worker, runId)).run;
  assert.equal(state, "RolledBack", JSON.stringify({ stage, failure, waiting }));
}
