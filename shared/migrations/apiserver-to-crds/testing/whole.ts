import assert from "node:assert/strict";
import type { JsonObject } from "../../../json.ts";
import { orAbsent } from "../../../kubernetes/absent.ts";
import { apiServiceState, nativeApiService } from "../../../kubernetes/api-services.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { objectAt } from "../../../kubernetes/fields.ts";
import type { Described, Worker } from "../../testing/run-world.ts";
import { apiserverToCrds } from "../index.ts";
import { nativeCrd } from "./cluster.ts";
import type { FakeCluster } from "./fake-cluster.ts";
import { collectGarbage } from "./garbage-collector.ts";
import { fillSource } from "./source.ts";
import { startRun, World } from "./world.ts";

export { rollBack } from "./world.ts";

/** A cluster with everything that the migration carries and minds, garbage collector running, and the whole migration. */
export async function wholeWorld(): Promise<World> {
  const world = await uncollectedWorld();
  world.meanwhile.after.push(() => collectGarbage(world.cluster));
  return world;
}

/** The same without a garbage collector. */
export async function uncollectedWorld(): Promise<World> {
  const world = await World.create(apiserverToCrds.stages, apiserverToCrds);
  await fillSource(world.cluster);
  return world;
}

/** Writes of the run to what it must never write: objects of the old group, other than its lock, by whatever API. */
export function trespasses({ cluster, meanwhile }: World): string[] {
  const found: string[] = [];
  meanwhile.before.push(async (write) => {
    const path = write.slice(write.indexOf(" ") + 1);
    const isOld = path.startsWith("crd.projectcalico.org/") && !path.includes("/clusterinformations/");
    const isNative = path.startsWith("projectcalico.org/v3/");
    if (isOld || (isNative && (await isAggregated(cluster)))) found.push(write);
  });
  return found;
}

/** True while projectcalico.org/v3 shows the old group. */
export async function isAggregated(cluster: FakeCluster): Promise<boolean> {
  return apiServiceState(await orAbsent(cluster.get(nativeApiService))).served === "aggregated";
}

/** The same where the second version cannot be opened: a definition has a webhook that converts its versions. */
export async function wholeWorldWithoutSecondVersion(): Promise<World> {
  const world = await wholeWorld();
  const crd = nativeCrd("Tier");
  const spec = { ...objectAt(crd, "spec"), conversion: { strategy: "Webhook" } };
  await world.cluster.create(crdResource, { ...crd, spec });
  return world;
}

/** What a run of the whole migration is asked for. */
type Request = Parameters<typeof startRun>[1];

/** Starts a run with everything approved, unless the request says otherwise. */
export function startWhole(worker: Worker, request: Request = {}): Promise<string> {
  const options: JsonObject = { quietMs: 0, batchSize: 10, ...request.options };
  return startRun(worker, { ...request, options });
}

/** Starts a run and lets it go on until right before a stage. */
export async function runBefore(
  world: World,
  worker: Worker,
  stage: string,
  options: JsonObject = {},
): Promise<string> {
  const approvals = ["unlock", "cleanup"].filter((subject) => subject !== stage);
  const runId = await startWhole(worker, { options, approvals, stopBefore: stage });
  const { run } = await world.drive(worker, runId);
  assert.equal(run.waiting?.subject, stage, JSON.stringify([run.stage, run.failure, run.waiting]));
  return runId;
}

/** Approves the stage before which a run stands, and lets it go on. */
export async function goOn(world: World, worker: Worker, runId: string, stage: string): Promise<Described> {
  await worker.engine.approve(runId, "test", stage);
  return world.drive(worker, runId);
}

/** Fails with what holds the run back when it is in another state. */
export function assertState({ run }: Described, state: Described["run"]["state"]): void {
  const { stage, failure, waiting } = run;
  assert.equal(run.state, state, JSON.stringify({ stage, failure, waiting }));
}
