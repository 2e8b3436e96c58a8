import type { Checkpoint } from "../../../engine/records.ts";
import { detailOf, lastingDetail, withDetail } from "../../copying/ledger-detail.ts";
import { type RankRange, rowsInRange } from "../../copying/ledger-ranges.ts";
import { readTarget } from "../../target/calls.ts";
import { isLeaving } from "../../target/leaving.ts";
import { type Context, decisions, resources } from "../context.ts";
import { recordLosses } from "../not-carried-back.ts";
import { isMadeAgain } from "../source-changes.ts";
import { readSources, type SourcedCheckpoint } from "../source.ts";
import { refOf } from "../target-refs.ts";
import { PASS } from "./judge-objects.ts";
import { isWrittenSince, WRITTEN_SINCE } from "./written-since.ts";

/**
 * Deletes from the source what was deleted from the target after the unlock, which is what no list has shown. What somebody has
 * written there since is kept, and recorded. @returns how many were deleted.
 */
export async function carryDeletions(context: Context, range: RankRange, limit: number): Promise<number> {
  const { targetGroup } = await decisions(context);
  const rows = await liveRows(context, range, limit);
  const unseen = rows.filter((row) => detailOf(row).pass !== PASS);
  const gone: Checkpoint[] = [];
  const kept: Checkpoint[] = [];
  for (const pair of await readSources(context, unseen)) {
    const row = pair.checkpoint;
    const target = await readTarget(context, refOf(row, targetGroup));
    if (target !== undefined && !isLeaving(target)) continue;
    if (!(await deleteSource(context, pair))) kept.push(keptRow(row));
    gone.push(withDetail({ ...row, state: "reverted" }, { gone: true }));
  }
  await recordLosses(context, kept);
  await resources(context).put(gone);
  return gone.length - kept.length;
}

/** The copied resources of a range, up to a number of them. */
export async function liveRows(context: Context, range: RankRange, limit: number): Promise<Checkpoint[]> {
  const rows = await rowsInRange(resources(context), range, { limit });
  return rows.filter(({ state }) => state !== "reverted");
}

/** False where it is kept, as somebody else has written it. */
async function deleteSource(context: Context, { checkpoint, source }: SourcedCheckpoint): Promise<boolean> {
  if (source === undefined) return true;
  if (isWrittenSince(checkpoint, source)) return false;
  context.ensureHeld();
  const { key } = checkpoint;
  const expectedModRevision = isMadeAgain(key) ? "any" : source.modRevision;
  const deleted = await context.connections.etcd().compareAndDelete({ key, expectedModRevision });
  return deleted.applied || deleted.current === undefined;
}

/** The row of one that was deleted in Kubernetes and is kept in etcd: there is no object any more whose meaning could be shown. */
export function keptRow(row: Checkpoint): Checkpoint {
  const { before: _irrelevant, ...place } = lastingDetail(row);
  const reason = `it was deleted in Kubernetes; ${WRITTEN_SINCE}`;
  const detail = { ...place, deleted: true, reason, source: row.key };
  return { rank: row.rank, key: row.target, target: row.target, state: "pending", sourceRevision: 0, detail };
}
