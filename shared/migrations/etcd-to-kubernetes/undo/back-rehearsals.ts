import { PROTECTED_TIERS } from "../../../calico/built-in.ts";
import { type KindInfo, KINDS, targetKind } from "../../../calico/kinds.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import { listPage, orAbsent, WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import type { Rehearsal } from "../../target/rehearse.ts";
import { removalRehearsal, restoreRehearsal } from "../../target/remove.ts";
import { rememberedObjects } from "../before-switch.ts";
import { type Context, decisions, resources } from "../context.ts";
import { clusterInformationWrites, rollbackManifestWrites } from "../rehearsals.ts";
import { clusterInformationRef } from "../target-lock.ts";
import { objectTargetId, refOf } from "../target-refs.ts";
import { foundations } from "./remove-foundations.ts";

/** In how many objects of a kind one that this run has copied is looked for. */
const LOOKED_AT = 50;

/**
 * Every write that the way back after the unlock makes to the cluster from its lock on: the lock itself, what the switch has
 * replaced, the user's manifest for etcd, one copy of each kind (what is said of it is said of the others), and what the run
 * has created for them.
 */
export async function backRehearsals(context: Context): Promise<Rehearsal[]> {
  const { targetGroup } = await decisions(context);
  return [
    ...(await clusterInformationWrites(context, targetGroup, ["lock"])),
    ...(await restoreRehearsals(context)),
    ...(await rollbackManifestWrites(context)),
    ...(await removalRehearsals(context)),
    ...(await foundationRehearsals(context)),
  ];
}

async function restoreRehearsals(context: Context): Promise<Rehearsal[]> {
  return (await rememberedObjects(context)).map(({ ref, before }) =>
    before === null ? deletion(ref) : restoreRehearsal(context, ref, before),
  );
}

async function removalRehearsals(context: Context): Promise<Rehearsal[]> {
  const { targetGroup, calico } = await decisions(context);
  const missing = new Set<string>(calico.missingKinds);
  const rehearsals: Rehearsal[] = [];
  for (const info of KINDS.filter(({ kind, carried }) => carried === true && !missing.has(kind))) {
    const row = await firstCopy(context, info);
    if (row !== undefined) rehearsals.push(removalRehearsal(context, row, refOf(row, targetGroup)));
  }
  return rehearsals;
}

/** Of those that are there now; a definition that is gone has none. */
async function firstCopy(context: Context, info: KindInfo): Promise<Checkpoint | undefined> {
  const ref = targetKind(info, (await decisions(context)).targetGroup);
  const options = { limit: LOOKED_AT, metadataOnly: true };
  const page = await orAbsent(listPage(context, ref, options, "onward"));
  const ids = (page?.items ?? []).map((object) => objectTargetId(ref, object));
  const rows = await resources(context).findByTarget(ids);
  return rows.find((row) => row.state !== "reverted" && isWritten(row));
}

/** Nobody may delete built-in tiers, and no run does; and a Node whose annotations are not known is left alone. */
function isWritten({ target, targetUid, detail }: Checkpoint): boolean {
  const name = target.slice(target.lastIndexOf("/") + 1);
  if (detail["before"] !== undefined) return true;
  if (detail["kind"] === "Node" || (detail["kind"] === "Tier" && PROTECTED_TIERS.has(name))) return false;
  return targetUid !== undefined;
}

async function foundationRehearsals(context: Context): Promise<Rehearsal[]> {
  const { createdCrds, createsClusterInformation } = await foundations(context);
  const lock = clusterInformationRef((await decisions(context)).targetGroup);
  const crds = createdCrds.map((name) => ({ ...crdResource, name }));
  return [...(createsClusterInformation ? [lock] : []), ...crds].map(deletion);
}

function deletion(ref: ObjectRef): Rehearsal {
  const place = ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
  return {
    what: `delete ${ref.plural} ${place}`,
    try: (api) => api.delete(ref, { dryRun: true, timeoutMs: WRITE_TIMEOUT_MS }),
  };
}
