import { constants, getPriority, setPriority } from "node:os";
import type { RunRecord, StageRecord } from "../../../shared/engine/records.ts";
import { type Sides, startSides } from "../../rig/clusters.ts";
import { openEngine, startRun } from "../../rig/runs.ts";
import type { Service } from "../../rig/service.ts";
import { readRunTimes, timeOf } from "../migrator/records.ts";
import { withStorePath } from "../migrator/store-folder.ts";
import type { LoadAtStart } from "../report/machine.ts";
import { untilQuiet } from "../report/quiet.ts";
import { type KubernetesWork, kubernetesWork, workBetween } from "./api-server.ts";

/** In both modes: so many batches at once, and so many requests under way for each of them at most. */
export const CONCURRENCY = { batches: 2, requestsEach: 8 };

const LONGEST_RUN_MS = 900_000;

/** One migration, whichever way it was made. */
export interface ModeRun {
  load: LoadAtStart;
  /** From the start of the run to its end. Milliseconds. */
  runMs: number;
  copyMs: number;
  /** How many resources the copy wrote. */
  copied: number;
  kubernetes: KubernetesWork;
}

/**
 * Runs `body` on fresh clusters of so many resources, whose etcd wants certificates, as secrets for the service do. Their
 * processes go before the emulator's, as if they had a machine of their own.
 */
export async function onFreshClusters<T>(
  resources: number,
  body: (sides: Sides, load: LoadAtStart) => Promise<T>,
): Promise<T> {
  const sides = await withPriority(() => startSides({ resources }, { etcdTls: true }));
  try {
    return await body(sides, await untilQuiet());
  } finally {
    await sides.stop();
  }
}

/** What `body` starts goes before what is started otherwise, where the system lets this process have that. */
async function withPriority<T>(body: () => Promise<T>): Promise<T> {
  const before = getPriority();
  try {
    setPriority(constants.priority.PRIORITY_HIGH);
  } catch {
    return body();
  }
  try {
    return await body();
  } finally {
    setPriority(before);
  }
}

/** Migrates with the embedded store, on the disk. Throws an Error when the run does not succeed. */
export function embeddedRun(sides: Sides, load: LoadAtStart): Promise<ModeRun> {
  return withStorePath("disk", async (store) => {
    const kubernetes = await workOf(sides, () => driveEmbedded(sides, store));
    const times = await readRunTimes(store);
    const { ms: copyMs, total: copied } = timeOf(times, "pre-copy");
    return { load, runMs: times.runMs, copyMs, copied, kubernetes };
  });
}

/** Migrates a cluster that the service knows, with the deployed stack. Throws an Error when the run does not succeed. */
export async function serviceRun(
  service: Service,
  cluster: string,
  { sides, load }: { sides: Sides; load: LoadAtStart },
): Promise<ModeRun & { runId: string }> {
  const runId = await service.start(cluster);
  let run: RunRecord | undefined;
  const kubernetes = await workOf(sides, async () => {
    run = succeeded(await service.settled(runId, undefined, LONGEST_RUN_MS));
  });
  const stages = (await service.store.listStages(runId)).map(stageTime);
  const { ms: copyMs, total: copied } = timeOf({ stages }, "pre-copy");
  const runMs = (run?.finishedAt ?? NaN) - (run?.createdAt ?? NaN);
  return { runId, load, runMs, copyMs, copied, kubernetes };
}

async function workOf({ kubernetes }: Sides, body: () => Promise<unknown>): Promise<KubernetesWork> {
  const before = await kubernetesWork(kubernetes);
  await body();
  return workBetween(before, await kubernetesWork(kubernetes));
}

async function driveEmbedded({ etcd, kubernetes }: Sides, store: string): Promise<void> {
  const { caFile = "", certFile = "", keyFile = "" } = etcd;
  const address = { etcdEndpoint: etcd.endpoint, etcdFiles: { caFile, certFile, keyFile } };
  const rig = openEngine(
    store,
    { ...address, kubeconfig: kubernetes.kubeconfig },
    {
      concurrency: CONCURRENCY.batches * CONCURRENCY.requestsEach,
      batchConcurrency: CONCURRENCY.batches,
    },
  );
  try {
    succeeded(await rig.drive(await startRun(rig)));
  } finally {
    rig.close();
  }
}

function succeeded(run: RunRecord): RunRecord {
  const { runId, state, stage, failure, waiting } = run;
  if (state === "Succeeded") return run;
  throw new Error(`run ${runId}: ${JSON.stringify({ state, stage, failure, waiting })}`);
}

function stageTime({ stage, startedAt, finishedAt, total }: StageRecord) {
  return { stage, ms: (finishedAt ?? NaN) - startedAt, total, startedAt };
}
