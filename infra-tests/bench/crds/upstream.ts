import { join } from "node:path";
import type { Json, JsonObject } from "../../../shared/json.ts";
import { objectAt, objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "../../harness/api.ts";
import { inParallel } from "../../harness/parallel.ts";
import { type ServerProcess, startServer } from "../../harness/processes.ts";
import { removeFolder, temporaryFolder } from "../../harness/temporary-folder.ts";
import { StopWaiting, waitUntil } from "../../harness/wait.ts";
import type { NativeBed } from "../../rig/native/bed.ts";
import { largestProcess } from "../migrator/process-facts.ts";
import { datastoreMigrationCrd, MIGRATION, MIGRATIONS } from "./datastore-migration.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const OLD_LOCK = "/apis/crd.projectcalico.org/v1/clusterinformations/default";
const NATIVE_LOCK = "/apis/projectcalico.org/v3/clusterinformations/default";
const HANDLES = "/apis/crd.projectcalico.org/v1/ipamhandles";

const CONVERGED = "Converged";
const COPYING: ReadonlySet<string> = new Set(["Migrating", CONVERGED]);
const LOOK_MS = 25;
const START_MS = 60_000;
/** It has been seen to take 28 ms for each. */
const EACH_MS = 100;

/** What upstream's controller took. Milliseconds. */
export interface UpstreamRun {
  /** From the creation of its DatastoreMigration to the phase Converged. */
  convergedMs: number;
  /** From the lock of the old group to the unlock of the native one. */
  lockMs: number;
  /** The part of that in the phase Migrating: copying, and the owner references. */
  copyMs: number;
  /** The most memory that it had resident. NaN where the system does not tell. */
  peakRssBytes: number;
  /** Handles that were given names in lower case before, without which it would never have ended. */
  mendedHandles: number;
}

/**
 * Lets upstream's controller migrate a bed of so many objects, until only Calico's workloads are still to be switched.
 * Throws an Error with what it says when it fails.
 */
export async function runUpstream(binary: string, bed: NativeBed, objects: number): Promise<UpstreamRun> {
  const mendedHandles = await mendHandles(bed);
  await mustRequest(bed.api, "POST", CRDS, datastoreMigrationCrd());
  const folder = temporaryFolder("upstream");
  try {
    const server = await startController(binary, bed, folder);
    try {
      const times = await observe(bed, server, objects);
      return { ...times, mendedHandles, peakRssBytes: largestProcess(server.pid)?.peakRssBytes ?? NaN };
    } finally {
      await server.end("SIGKILL");
    }
  } finally {
    removeFolder(folder);
  }
}

function startController(binary: string, { kubernetes }: NativeBed, folder: string): Promise<ServerProcess> {
  return startServer({
    name: "calico-kube-controllers",
    // Servers get a bare environment.
    path: "env",
    logFile: join(folder, "kube-controllers.log"),
    args: [
      `KUBECONFIG=${kubernetes.kubeconfig}`,
      "DATASTORE_TYPE=kubernetes",
      // One that does nothing with this datastore: the migration runs whatever is enabled.
      "ENABLED_CONTROLLERS=serviceaccount",
      binary,
    ],
  });
}

type Times = Pick<UpstreamRun, "convergedMs" | "lockMs" | "copyMs">;

const MOMENTS = ["locked", "copying", "unlocked", "converged"] as const;
type Moment = (typeof MOMENTS)[number];

async function observe({ api }: NativeBed, server: ServerProcess, objects: number): Promise<Times> {
  const served = { what: "the CRD of upstream's migrations is served", timeoutMs: START_MS };
  await waitUntil(served, () => mustRequest(api, "GET", MIGRATIONS));
  const startedAt = performance.now();
  await mustRequest(api, "POST", MIGRATIONS, MIGRATION);
  const since = new Map<Moment, number>();
  const ends = { what: "upstream converges", timeoutMs: START_MS + objects * EACH_MS, intervalMs: LOOK_MS };
  await waitUntil(ends, async () => {
    if (!server.running()) throw new StopWaiting(`upstream has ended: ${server.logTail(5)}`);
    const reached = await look(api);
    for (const moment of MOMENTS)
      if (reached[moment] && !since.has(moment)) since.set(moment, performance.now());
    return since.has("converged");
  });
  const between = (from: Moment, to: Moment): number => (since.get(to) ?? NaN) - (since.get(from) ?? NaN);
  return {
    convergedMs: (since.get("converged") ?? NaN) - startedAt,
    lockMs: between("locked", "unlocked"),
    copyMs: between("copying", "unlocked"),
  };
}

/** What holds now. */
async function look(api: TestApi): Promise<Record<Moment, boolean>> {
  const phase = phaseOf(await mustRequest(api, "GET", `${MIGRATIONS}/v1-to-v3`));
  const copying = COPYING.has(phase);
  return {
    locked: (await readiness(api, OLD_LOCK)) === false,
    copying,
    // Before, the aggregated API server shows the old group here.
    unlocked: copying && (await readiness(api, NATIVE_LOCK)) === true,
    converged: phase === CONVERGED,
  };
}

/** What the ClusterInformation of a group says; undefined where there is none yet. */
async function readiness(api: TestApi, path: string): Promise<Json | undefined> {
  const information = await mustRequest(api, "GET", path, undefined, { accepted: [404] });
  return objectAt(information, "spec")["datastoreReady"];
}

/** The phase; throws where somebody would have to act. */
function phaseOf(migration: JsonObject): string {
  const phase = textAt(migration, "status", "phase");
  if (phase !== "Failed" && phase !== "WaitingForConflictResolution") return phase;
  const conditions = objectsAt(migration, "status", "conditions").map((one) => textAt(one, "message"));
  throw new StopWaiting(
    `upstream is ${phase}: ${[textAt(migration, "status", "message"), ...conditions].join("; ")}`,
  );
}

/** It keeps the case of handles in their names, which Kubernetes refuses, and tries again for ever while everything is locked. */
async function mendHandles({ api }: NativeBed): Promise<number> {
  const upper = objectsAt(await mustRequest(api, "GET", HANDLES), "items").filter(
    (handle) => handleIdOf(handle) !== handleIdOf(handle).toLowerCase(),
  );
  await inParallel(upper, 8, async (handle) => {
    const body = { spec: { handleID: handleIdOf(handle).toLowerCase() } };
    const contentType = "application/merge-patch+json";
    await mustRequest(api, "PATCH", `${HANDLES}/${textAt(handle, "metadata", "name")}`, body, {
      contentType,
    });
  });
  return upper.length;
}

function handleIdOf(handle: JsonObject): string {
  return textAt(handle, "spec", "handleID");
}
