import { askFor, shownAlways } from "../../../engine/approvals.ts";
import type { Action, Stage, StageOutcome } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { applyManifest } from "../apply-manifest.ts";
import { rememberedObjects } from "../before-switch.ts";
import type { Context } from "../context.ts";
import { datastoreType, readRollbackManifest } from "../manifest.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { deleteIfOurs } from "../../target/ownership.ts";
import { objectId, releasedUids } from "../../target/released.ts";
import { restoreObject } from "../../target/remove.ts";
import { rolloutGate } from "../stages/rollout.ts";
import { CALICO_NODE, readWorkload } from "../workloads.ts";

const POLL_MS = 5000;

/** Makes Calico use etcd again: with the user's manifest for etcd, and everything else as it was. */
const restoreWorkloads: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "restore-workloads",
  title: "put Calico's workloads and configuration back as they were with etcd",
  asks: [{ subject: "switch-back", kind: "always" }],
  act: async (context) => {
    await restoreBefore(context);
    const manifest = await readRollbackManifest(context);
    if (manifest === undefined) return awaitSwitchBack(context);
    await applyManifest(context, manifest, true);
    return { done: true };
  },
};

async function restoreBefore(context: Context): Promise<void> {
  for (const { ref, before } of await rememberedObjects(context)) {
    if (before === null) await deleteIfOurs(context, ref, await releasedUids(context, [objectId(ref)]));
    else await restoreObject(context, ref, before);
  }
}

/** Where a person switched, a person switches back. */
async function awaitSwitchBack(context: Context): Promise<StageOutcome> {
  const message = "apply the Calico manifest for etcd now (or approve, if that is done elsewhere)";
  const shown = shownAlways("switch-back", message);
  if (context.approved("switch-back", shown)) return { done: true };
  const calicoNode = await readWorkload(context, CALICO_NODE);
  if (calicoNode === undefined || datastoreType(calicoNode) !== "kubernetes") return { done: true };
  return { wait: askFor("switch-back", shown, POLL_MS) };
}

/** The way back from the switch. */
export const restoreWorkloadStages: readonly Stage<ClusterConnections, EtcdToKubernetesOptions>[] = [
  restoreWorkloads,
  rolloutGate("rollout-back", "wait until Calico's workloads run with etcd again"),
];
