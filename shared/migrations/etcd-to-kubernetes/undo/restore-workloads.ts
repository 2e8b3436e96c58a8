import { z } from "zod";
import type { Action, Stage, StageOutcome } from "../../../engine/migration.ts";
import { isJsonObject, type JsonObject } from "../../../json.ts";
import { applyManifests } from "../../../kubernetes/apply.ts";
import { readJsonLines } from "../../artifact-lines.ts";
import type { ClusterConnections } from "../../connections.ts";
import { artifactName, type Context, fieldManager } from "../context.ts";
import { datastoreType, readRollbackManifest } from "../manifest.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { deleteIfOurs } from "../ownership.ts";
import { restoreObject } from "../remove-target.ts";
import { rolloutGate } from "../stages/rollout.ts";
import { BEFORE_SWITCH, CALICO_NODE, readWorkload } from "../workloads.ts";

const POLL_MS = 5000;

const Ref = z.object({
  apiVersion: z.string(),
  plural: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
});
const Before = z.object({ ref: Ref, before: z.custom<JsonObject>(isJsonObject).nullable() });

/** Makes Calico use etcd again: with the user's manifest for etcd, and everything else as it was. */
const restoreWorkloads: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "restore-workloads",
  title: "put Calico's workloads and configuration back as they were with etcd",
  act: async (context) => {
    await restoreBefore(context);
    const manifest = await readRollbackManifest(context);
    if (manifest === undefined) return awaitSwitchBack(context);
    context.ensureHeld();
    await applyManifests(context.connections.kubernetes, manifest, {
      fieldManager: fieldManager(context),
      force: true,
    });
    return { done: true };
  },
};

async function restoreBefore(context: Context): Promise<void> {
  const name = artifactName(context, BEFORE_SWITCH);
  if ((await context.artifacts.find(name)) === undefined) return;
  for await (const { ref, before } of readJsonLines(context.artifacts.read(name), Before)) {
    if (before === null) await deleteIfOurs(context, ref);
    else await restoreObject(context, ref, before);
  }
}

/** Where a person switched, a person switches back. */
async function awaitSwitchBack(context: Context): Promise<StageOutcome> {
  if (context.approved("switch-back")) return { done: true };
  const calicoNode = await readWorkload(context, CALICO_NODE);
  if (calicoNode === undefined || datastoreType(calicoNode) !== "kubernetes") return { done: true };
  const message = "apply the Calico manifest for etcd now (or approve, if that is done elsewhere)";
  return { wait: { reason: "Approval", message, subject: "switch-back", retryAfterMs: POLL_MS } };
}

/** The way back from the switch. */
export const restoreWorkloadStages: readonly Stage<ClusterConnections, EtcdToKubernetesOptions>[] = [
  restoreWorkloads,
  rolloutGate("rollout-back", "wait until Calico's workloads run with etcd again"),
];
