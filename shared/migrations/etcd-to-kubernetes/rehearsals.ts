import { lockedClusterInformation, unlockedClusterInformation } from "../../calico/lock.ts";
import type { TargetGroup } from "../../calico/kinds.ts";
import type { JsonObject } from "../../json.ts";
import { applyManifests } from "../../kubernetes/apply.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { fieldManager } from "../context.ts";
import { isCrd } from "../manifests.ts";
import { call, readTarget, WRITE_TIMEOUT_MS } from "../target/calls.ts";
import type { Rehearsal } from "../target/rehearse.ts";
import type { Context } from "./context.ts";
import { readManifest, readRollbackManifest } from "./manifest.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";
import { clusterInformationRef } from "./target-lock.ts";

/**
 * Every write that the stages after `lock` make to the cluster beside the resources themselves: the lock of the target and
 * its end, the manifest of the switch, and that of the way back. Resources are tried one by one in preflight.
 */
export async function lockRehearsals(context: Context, targetGroup: TargetGroup): Promise<Rehearsal[]> {
  const forward = await readManifest(context);
  const back = (await readRollbackManifest(context)) ?? [];
  return [
    ...(await clusterInformationWrites(context, targetGroup)),
    ...applied(context, forward, "apply"),
    ...applied(context, back, "apply, on the way back,"),
  ];
}

/** Before `prepare-target` there is none, and nothing to try: its creation is no part of the lock. */
async function clusterInformationWrites(context: Context, targetGroup: TargetGroup): Promise<Rehearsal[]> {
  const ref = clusterInformationRef(targetGroup);
  const found = await readTarget(context, ref);
  if (found === undefined) return [];
  const options = writeOptions(context);
  return [
    { what: "lock ClusterInformation", object: lockedClusterInformation(found, context.run.runId) },
    { what: "unlock ClusterInformation", object: unlockedClusterInformation(found) },
  ].map(({ what, object }) => ({ what, try: (api) => api.replace(ref, object, options) }));
}

/** What is defined, or put into a namespace, by the manifest itself cannot be tried before that is there. */
function applied(context: Context, objects: readonly JsonObject[], verb: string): Rehearsal[] {
  const options = { ...writeOptions(context), force: true };
  return objects
    .filter((object) => !isCrd(object))
    .map((object) => ({
      what: `${verb} ${nameOf(object)}`,
      try: async (api) => {
        try {
          await applyManifests(api, [object], options);
        } catch (error) {
          if (!isKubernetesError(error, "KUBERNETES_KIND_UNKNOWN")) throw error;
        }
      },
    }));
}

function writeOptions(context: Context): { fieldManager: string; dryRun: true; timeoutMs: number } {
  return { fieldManager: fieldManager(context), dryRun: true, timeoutMs: WRITE_TIMEOUT_MS };
}

function nameOf(object: JsonObject): string {
  const namespace = textAt(object, "metadata", "namespace");
  const name = `${textAt(object, "kind")} ${textAt(object, "metadata", "name")}`;
  return namespace === "" ? name : `${name} in ${namespace}`;
}

/**
 * Asks etcd whether the user may write the lock, without writing: etcd judges the rights of all that a transaction may do, and this
 * one's condition never holds. Throws ETCD_AUTH.
 */
export async function rehearseSourceLock(context: Context): Promise<void> {
  const never = { key: CLUSTER_INFORMATION_KEY, expectedModRevision: 1, value: "" } as const;
  const found = (await context.connections.etcd().getMany([CLUSTER_INFORMATION_KEY])).get(never.key);
  if (found === undefined || found.modRevision === 1) return;
  await call(context, () => context.connections.etcd().compareAndPut(never));
}
