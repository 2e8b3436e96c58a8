import { kindInfo, KINDS, type TargetGroup, targetKind, type TargetKind } from "../../../calico/kinds.ts";
import { readLock } from "../../../calico/lock.ts";
import type { Action } from "../../../engine/migration.ts";
import { MigratorError } from "../../../errors.ts";
import type { JsonObject } from "../../../json.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Context, decisions, resources } from "../context.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { isMissing } from "../missing-kinds.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { deleteIfOurs, isOurs } from "../../target/ownership.ts";
import { releasedUids } from "../../target/released.ts";
import { readClusterInformation } from "../source-lock.ts";
import { listPage, orAbsent } from "../../target/calls.ts";
import { objectTargetId } from "../target-refs.ts";
import { liftSourceLock } from "./unlock-etcd.ts";

const PAGE = 500;

/**
 * Proves that the undo is complete: nothing that this run wrote is left in the target (what a dying worker wrote
 * after its lease had expired is deleted), and etcd is not locked by this run (else it is unlocked once more).
 */
export const verifyUndone: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "verify-undone",
  title: "prove that nothing of this run is left on either side",
  act: async (context) => {
    if ((await context.stageOf("prepare-target")) === undefined) return { done: true };
    const { targetGroup } = await decisions(context);
    const custom = KINDS.filter(({ group }) => group === "crd");
    for (const { kind } of custom) await deleteLeftovers(context, kind, targetGroup);
    await checkSource(context);
    return { done: true };
  },
};

async function deleteLeftovers(context: Context, kind: string, targetGroup: TargetGroup): Promise<void> {
  if (await isMissing(context, kind)) return;
  const ref = targetKind(kindInfo(kind), targetGroup);
  let continueToken: string | undefined;
  do {
    const options = { limit: PAGE, continueToken, metadataOnly: true };
    const page = await orAbsent(listPage(context, ref, options, "onward"));
    const items = page?.items ?? [];
    const released = await releasedUids(
      context,
      items.map((item) => objectTargetId(ref, item)),
    );
    const ours = items.filter(
      (item) => isOurs(context, item) || released.has(textAt(item, "metadata", "uid")),
    );
    const restored = await restoredTargets(context, ref, ours);
    for (const object of ours) {
      if (restored.has(objectTargetId(ref, object))) continue;
      const namespace = textAt(object, "metadata", "namespace");
      const name = textAt(object, "metadata", "name");
      const place = namespace === "" ? { ...ref, name } : { ...ref, namespace, name };
      await deleteIfOurs(context, place, released);
    }
    continueToken = page?.continueToken;
  } while (continueToken !== undefined);
}

/** What was there before this run, and got back what it was: this run has written it, but it is not this run's. */
async function restoredTargets(
  context: Context,
  ref: TargetKind,
  objects: readonly JsonObject[],
): Promise<ReadonlySet<string>> {
  const rows = await resources(context).findByTarget(objects.map((object) => objectTargetId(ref, object)));
  return new Set(rows.filter((row) => detailOf(row).before !== undefined).map(({ target }) => target));
}

async function checkSource(context: Context): Promise<void> {
  if ((await context.stageOf("lock")) === undefined) return;
  // Somebody may have put ClusterInformation back as it was while it was locked, after its unlocking.
  await liftSourceLock(context);
  const { lockedBy } = readLock((await readClusterInformation(context)).value.toString("utf8"));
  if (lockedBy !== context.run.runId) return;
  throw new MigratorError("UNDO_INCOMPLETE", "etcd is still locked by this run", {
    next: "See who puts etcd's ClusterInformation back as it was while it was locked, stop that, then `resume`.",
    retryable: true,
  });
}
