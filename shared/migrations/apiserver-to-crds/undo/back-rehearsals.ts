import { PROTECTED_TIERS } from "../../../calico/built-in.ts";
import { unlockedClusterInformation } from "../../../calico/lock.ts";
import { NATIVE_KINDS, type NativeKind } from "../../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { fieldManager } from "../../context.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { listPage, orAbsent, readTarget, WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import type { Rehearsal } from "../../target/rehearse.ts";
import { removalRehearsal } from "../../target/remove.ts";
import { restoreFoundRehearsal } from "../api-service.ts";
import { OLD_LOCK } from "../cluster-information.ts";
import { isCopied, nativeIdOf } from "../copied.ts";
import { type Context, resources } from "../context.ts";
import { dependantsTried, resumesTried } from "../later-rehearsals.ts";
import { nativeDetailOf } from "../native-detail.ts";
import { nativeRefOf } from "../native-ref.ts";
import { operatorRehearsals } from "../operator-hold.ts";
import { operatorWebhookToRemove } from "../operator-webhook.ts";
import { openRehearsals } from "../second-version.ts";
import { createAgainRehearsal } from "../stages/remove-api-server.ts";
import { switchBackRehearsals } from "../switch-workload.ts";
import { createdBy } from "../undo-install.ts";

const NATIVE = "projectcalico.org/v3";
/** In how many objects of a kind those that this run has written are looked for. */
const LOOKED_AT = 50;

/**
 * The writes that are left of the way back after the unlock: what of the API server, the second version and late admission policies is
 * made anew, what workloads and the operator are told, the APIService, the end of the old group's lock, dependants, paused tools, what
 * was there before, and the deletion of the copies and of their definitions. Not those of the native group's lock, without which
 * the way back goes on.
 */
export async function backRehearsals(context: Context): Promise<Rehearsal[]> {
  return [
    ...(await createAgainRehearsal(context)),
    ...(await openRehearsals(context)),
    ...(await switchBackRehearsals(context, "switch")),
    ...(await restoreFoundRehearsal(context)),
    ...(await switchBackRehearsals(context, "switch-operator")),
    ...(await operatorRehearsals(context)),
    ...(await operatorWebhookToRemove(context)).map(deletion),
    ...(await oldUnlock(context)),
    ...(await dependantsTried(context)),
    ...(await copies(context)),
    ...(await resumesTried(context)),
    ...(await createdBy(context, "install-admission")).map(({ ref }) => deletion(ref)),
    ...(await createdBy(context, "install-crds")).map(({ ref }) => deletion(ref)),
  ];
}

async function oldUnlock(context: Context): Promise<Rehearsal[]> {
  const found = await readTarget(context, OLD_LOCK);
  if (found === undefined) return [];
  const options = { fieldManager: fieldManager(context), dryRun: true, timeoutMs: WRITE_TIMEOUT_MS };
  return [
    {
      what: "unlock the old group's ClusterInformation",
      try: (api) => api.replace(OLD_LOCK, unlockedClusterInformation(found), options),
    },
  ];
}

/** Of two objects of each kind, one that was created and one that was there before: what is said of them is said of the others. */
async function copies(context: Context): Promise<Rehearsal[]> {
  const rehearsals: Rehearsal[] = [];
  for (const kind of NATIVE_KINDS) {
    const rows = (await someCopied(context, kind)).filter((row) => !isProtected(row));
    const created = rows.find((row) => detailOf(row).before === undefined);
    const found = rows.find((row) => detailOf(row).before !== undefined);
    for (const row of [created, found])
      if (row !== undefined) rehearsals.push(removalRehearsal(context, row, nativeRefOf(row, NATIVE)));
  }
  return rehearsals;
}

/** A definition that is gone has no objects. */
async function someCopied(context: Context, kind: NativeKind): Promise<Checkpoint[]> {
  const ref = { apiVersion: NATIVE, plural: kind.plural };
  const page = await orAbsent(listPage(context, ref, { limit: LOOKED_AT, metadataOnly: true }, "onward"));
  const ids = (page?.items ?? []).map((object) => nativeIdOf(kind, object));
  return (await resources(context).findByTarget(ids)).filter(isCopied);
}

/** Nobody may delete these, and they may stay. */
function isProtected(row: Checkpoint): boolean {
  const { kind, name } = nativeDetailOf(row);
  return kind === "Tier" && PROTECTED_TIERS.has(name);
}

function deletion(ref: ObjectRef): Rehearsal {
  return {
    what: `delete ${ref.plural} ${ref.name}`,
    try: (api) => api.delete(ref, { dryRun: true, timeoutMs: WRITE_TIMEOUT_MS }),
  };
}
