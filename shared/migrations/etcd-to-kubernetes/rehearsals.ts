import { lockedClusterInformation, unlockedClusterInformation } from "../../calico/lock.ts";
import { etcdPrefixesOf } from "../../calico/keys.ts";
import { KINDS, type TargetGroup, targetKind } from "../../calico/kinds.ts";
import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { applyManifests } from "../../kubernetes/apply.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ResourceRef } from "../../kubernetes/types.ts";
import { fieldManager } from "../context.ts";
import { isCrd } from "../manifests.ts";
import { call, readTarget, WRITE_TIMEOUT_MS } from "../target/calls.ts";
import { copyRehearsals } from "../target/copy-rehearsals.ts";
import type { Rehearsal } from "../target/rehearse.ts";
import type { Context } from "./context.ts";
import type { Decisions } from "./decisions.ts";
import { readManifest, readRollbackManifest } from "./manifest.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";
import { clusterInformationRef } from "./target-lock.ts";

/** How the fields of copies are given away, by the rights of a run. */
export const COPIES_ARE_WRITTEN_BY = "replace";
const NAMED = 5;
/** The end of a key that nothing has. */
const NO_NAME = "calico-migrator-rights";
/** One key of each place where the way back after the unlock writes: also the endpoints of pods, which are never copied. */
const KEYS_OF_WAY_BACK: readonly string[] = [
  ...new Set(
    [
      ...KINDS.filter(({ carried, rank }) => carried === true && rank > 0).map(({ kind }) => kind),
      "WorkloadEndpoint",
    ].flatMap(etcdPrefixesOf),
  ),
].map((prefix) => (prefix.endsWith("/") ? `${prefix}${NO_NAME}` : prefix));

/** Where a run copies to. Nobody is asked for rights on kinds that the target does not have. */
interface CopiesAt {
  targetGroup: TargetGroup;
  missingKinds: ReadonlySet<string>;
}

/** Where a run with these decisions copies to. */
export function copiesAt({ targetGroup, calico }: Decisions): CopiesAt {
  return { targetGroup, missingKinds: new Set(calico.missingKinds) };
}

/**
 * Every write that the stages after `lock` make to the cluster beside the resources themselves: the lock of the target and
 * its end, the manifest of the switch, and that of the way back. Resources are tried one by one in preflight; what is done to
 * their copies is tried once they are there.
 */
export async function lockRehearsals(context: Context, target: CopiesAt): Promise<Rehearsal[]> {
  const forward = await readManifest(context);
  return [
    ...(await clusterInformationWrites(context, target.targetGroup)),
    ...applied(context, forward, "apply"),
    ...(await rollbackManifestWrites(context)),
    ...(await copyRehearsals(context, {
      resources: copiedResources(target),
      by: COPIES_ARE_WRITTEN_BY,
    })),
  ];
}

/** Where copies are. */
export function copiedResources({ targetGroup, missingKinds }: CopiesAt): ResourceRef[] {
  const kinds = KINDS.filter(({ kind, group }) => group === "crd" && !missingKinds.has(kind));
  return kinds.map((info) => ({
    apiVersion: targetGroup,
    plural: targetKind(info, targetGroup).plural,
  }));
}

/** What the way back applies of the user's manifest for etcd. */
export async function rollbackManifestWrites(context: Context): Promise<Rehearsal[]> {
  return applied(context, (await readRollbackManifest(context)) ?? [], "apply, on the way back,");
}

/** Before `prepare-target` there is none, and nothing to try: its creation is no part of the lock. */
export async function clusterInformationWrites(
  context: Context,
  targetGroup: TargetGroup,
  verbs: readonly string[] = ["lock", "unlock"],
): Promise<Rehearsal[]> {
  const ref = clusterInformationRef(targetGroup);
  const found = await readTarget(context, ref);
  if (found === undefined) return [];
  const options = writeOptions(context);
  return [
    { verb: "lock", object: lockedClusterInformation(found, context.run.runId) },
    { verb: "unlock", object: unlockedClusterInformation(found) },
  ]
    .filter(({ verb }) => verbs.includes(verb))
    .map(({ verb, object }) => ({
      what: `${verb} ClusterInformation`,
      try: (api) => api.replace(ref, object, options),
    }));
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
 * Asks etcd whether the user may write the lock, and all that the way back after the unlock writes, of every kind. Writes
 * nothing. Throws ETCD_AUTH, naming the keys.
 */
export async function rehearseSourceWrites(context: Context): Promise<void> {
  const tryPuts = (keys: readonly string[]): Promise<void> =>
    call(context, () => context.connections.etcd().tryPuts(keys));
  const keys = [CLUSTER_INFORMATION_KEY, ...KEYS_OF_WAY_BACK];
  try {
    await tryPuts(keys);
  } catch (error) {
    if (!isRefused(error)) throw error;
    throw notAllowed(await keysRefused(keys, tryPuts), error);
  }
}

async function keysRefused(
  keys: readonly string[],
  tryPuts: (keys: readonly string[]) => Promise<void>,
): Promise<string[]> {
  const refused: string[] = [];
  for (const key of keys) {
    try {
      await tryPuts([key]);
    } catch (error) {
      if (!isRefused(error)) throw error;
      refused.push(key.replace(NO_NAME, ""));
    }
  }
  return refused;
}

function isRefused(error: unknown): error is MigratorError {
  return error instanceof MigratorError && error.code === "ETCD_AUTH";
}

function notAllowed(keys: readonly string[], cause: MigratorError): MigratorError {
  const named = keys.slice(0, NAMED).join(", ");
  const more = keys.length > NAMED ? ` and ${keys.length - NAMED} more` : "";
  const message = `etcd does not let its user write ${named}${more}, which the lock or a late way back needs`;
  return new MigratorError("ETCD_AUTH", message, {
    next: "Give the user's role the right to write it (`etcdctl role grant-permission ROLE --prefix readwrite /calico/`), then `resume`.",
    cause,
    details: { keys: [...keys] },
  });
}
