import { askFor, shownAlways } from "../../../engine/approvals.ts";
import type { Action, StageOutcome } from "../../../engine/migration.ts";
import type { JsonObject } from "../../../json.ts";
import { Discovery } from "../../../kubernetes/discovery.ts";
import { resourcePath } from "../../../kubernetes/paths.ts";
import { jsonLines } from "../../artifact-lines.ts";
import type { ClusterConnections } from "../../connections.ts";
import { applyManifest, manifestRef } from "../apply-manifest.ts";
import { artifactName } from "../../context.ts";
import type { Context } from "../context.ts";
import { isCrd } from "../../manifests.ts";
import { datastoreType, readManifest } from "../manifest.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { call, orAbsent } from "../../target/calls.ts";
import { restoreWorkloadStages } from "../undo/restore-workloads.ts";
import { BEFORE_SWITCH, rememberedObjects } from "../before-switch.ts";
import { CALICO_NODE, readWorkload } from "../workloads.ts";
import { reads } from "../../target/reads.ts";
import { refuseDifferences } from "./look-again.ts";

const POLL_MS = 5000;
/** How long after the lock the switch looks at nothing again: a run that nothing holds up is there much sooner. Milliseconds. */
const HELD_MS = 10_000;

/** Makes Calico use the Kubernetes datastore. */
export const switchDatastore: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "switch",
  title: "apply the Calico manifest for the Kubernetes datastore",
  changesCluster: true,
  asks: [{ subject: "switch", kind: "always" }],
  undo: restoreWorkloadStages,
  act: async (context) => {
    await lookAgainIfHeld(context);
    if (context.options.manifest === undefined) return awaitSwitch(context);
    const objects = (await readManifest(context)).filter((object) => !isCrd(object));
    await rememberBefore(context, objects);
    await applyManifest(context, objects, true);
    return { done: true };
  },
};

/**
 * The lock has looked at the target; where the run was held since, for a person who wanted to look, or by a failure, it is looked at
 * again while Calico does not act on it yet. Not once the switch has begun: from then on Calico itself writes to it.
 */
async function lookAgainIfHeld(context: Context): Promise<void> {
  const { options, notes } = context;
  const hasBegun =
    options.manifest === undefined
      ? notes["lookedAt"] !== undefined
      : (await rememberedObjects(context)).length > 0;
  if (hasBegun) return;
  const { finishedAt } = (await context.stageOf("lock")) ?? {};
  const looked = Math.max(finishedAt ?? 0, Number(notes["lookedAt"] ?? 0));
  if (finishedAt !== undefined && context.clock.now() - looked >= HELD_MS) await refuseDifferences(context);
  await context.record({ lookedAt: context.clock.now() });
}

/** Without a manifest a person switches: done when calico-node is told to use the Kubernetes datastore, or approved. */
async function awaitSwitch(context: Context): Promise<StageOutcome> {
  const message =
    "apply the Calico manifest for the Kubernetes datastore now (or approve, if that is done elsewhere)";
  const shown = shownAlways("switch", message);
  if (context.approved("switch", shown)) return { done: true };
  const calicoNode = await readWorkload(context, CALICO_NODE);
  if (calicoNode !== undefined && datastoreType(calicoNode) === "kubernetes") return { done: true };
  return { wait: askFor("switch", shown, POLL_MS) };
}

/** Remembers each object once, before it is first written: a manifest that was mended may name others than the first time. */
async function rememberBefore(context: Context, objects: readonly JsonObject[]): Promise<void> {
  const records = await rememberedObjects(context);
  const known = new Set(records.map(({ ref }) => resourcePath(ref)));
  const discovery = new Discovery(reads(context));
  const added: typeof records = [];
  for (const object of objects) {
    const ref = await manifestRef(discovery, object);
    if (known.has(resourcePath(ref))) continue;
    const before = await orAbsent(call(context, () => context.connections.kubernetes.get(ref)));
    added.push({ ref, before: before ?? null });
  }
  if (added.length === 0) return;
  await context.artifacts.write(artifactName(context, BEFORE_SWITCH), jsonLines([...records, ...added]));
}
