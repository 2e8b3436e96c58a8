import { forward } from "../../../calico/forward.ts";
import type { Forwarded } from "../../../calico/forwarded.ts";
import { targetId } from "../../../calico/target.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { EtcdKeyValue } from "../../../etcd/types.ts";
import { isLeftOut } from "../../copying/ledger-detail.ts";
import { readTarget } from "../../target/calls.ts";
import { type Context, conversion, resources, uncarried } from "../context.ts";
import { agreedLosses, recordLosses } from "../not-carried-back.ts";
import { concerns, isMadeAgain, rankOf } from "../source-changes.ts";
import { type KeyRange, valuesInRange } from "./etcd-ranges.ts";
import { isSharedEtcd } from "./shared-etcd.ts";

/**
 * What somebody created in the locked etcd since the unlock comes into force on the way back, and nobody has seen it in
 * Kubernetes: it is named for approval, and so is what the migration left there and somebody has changed. Not where others were given
 * etcd: what they made there is theirs.
 */
export async function recordOnlyInEtcd(context: Context, range: KeyRange): Promise<void> {
  if (await isSharedEtcd(context)) return;
  const convert = await conversion(context);
  for await (const page of valuesInRange(context, range)) {
    const unknown = await unknownOf(context, page);
    const rows: Checkpoint[] = [];
    for (const { key, value } of unknown)
      rows.push(...(await onlyThere(context, key, forward(key, value, convert))));
    // What was deleted in Kubernetes and kept in etcd has been named with that.
    const named = await agreedLosses(
      context,
      rows.map(({ target }) => target),
    );
    await recordLosses(
      context,
      rows.filter(({ target }) => !named.has(target)),
    );
  }
}

/** Keys that were neither copied nor left behind with the value that they have now. */
async function unknownOf(context: Context, page: readonly EtcdKeyValue[]): Promise<EtcdKeyValue[]> {
  const data = page.filter((kv) => concerns(kv) && !isMadeAgain(kv.key));
  const ids = data.map(({ key }) => ({ rank: rankOf(key) ?? 0, key }));
  const rows = await resources(context).get(ids);
  const copied = rows.filter((row) => row.state !== "reverted" || isLeftOut(row));
  const known = new Set(copied.map(({ key }) => key));
  const left = await uncarried(context).get(ids);
  const asLeft = new Map(
    left.filter(({ state }) => state === "pending").map((row) => [row.key, row.sourceRevision]),
  );
  return data.filter(({ key, modRevision }) => !known.has(key) && asLeft.get(key) !== modRevision);
}

/** Named as the object that it would be in Kubernetes, unless that is there and was judged; by its key where it can be none. */
async function onlyThere(context: Context, key: string, forwarded: Forwarded): Promise<Checkpoint[]> {
  if (forwarded.outcome === "derived" || forwarded.outcome === "housekeeping") return [];
  const reason = "only etcd has it, written there since the unlock: it stays, and is in force again";
  const detail = { deleted: true, reason, source: key };
  const row = { rank: rankOf(key) ?? 0, state: "pending", sourceRevision: 0 } as const;
  if (forwarded.outcome !== "carry") return [{ ...row, key, target: key, detail }];
  const { kind, target } = forwarded;
  if ((await readTarget(context, target)) !== undefined) return [];
  const place = target.namespace === undefined ? { kind } : { kind, namespace: target.namespace };
  return [{ ...row, key: targetId(target), target: targetId(target), detail: { ...place, ...detail } }];
}
