import { z } from "zod";
import type { Sweep } from "../../../../engine/migration.ts";
import type { Checkpoint } from "../../../../engine/records.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { beforeOf } from "../before.ts";
import { sideOf } from "../content.ts";
import { type Context, type RestoreOptions, rows } from "../options.ts";
import { type Found, RANKS, type Side } from "../side.ts";

const PER_BATCH = 100;
const TRIES = 5;

const Id = z.object({ rank: z.int(), key: z.string() });
/** `left` counts the ranks that are still to be taken back, the last one first. */
const Cursor = z.object({ left: z.int(), after: z.string().optional() });
const Scope = z.object({ ids: z.array(Id) });

/**
 * Takes everything back that this run has written: what it created is deleted, what it overwrote is put back as it was. What
 * others have changed since then is theirs: it stays, and its row says so.
 */
export const putBack: Sweep<ClusterConnections, RestoreOptions> = {
  kind: "sweep",
  name: "put-back",
  title: "put back what was there before the restore",
  changesCluster: true,
  plan: async (context, previous) => {
    const { left, after } = previous === undefined ? { left: RANKS.length } : Cursor.parse(previous);
    const rank = RANKS[left - 1];
    if (rank === undefined) return { batches: [], done: true };
    const query = { rank, states: ["pending", "applied"] as const, limit: PER_BATCH };
    const page = await rows(context).list(
      after === undefined ? query : { ...query, after: { rank, key: after } },
    );
    const ids = page.map(({ key }) => ({ rank, key }));
    const last = ids.at(-1);
    if (last === undefined) return { batches: [], cursor: { left: left - 1 }, barrier: true };
    return { batches: [{ scope: { ids }, size: ids.length }], cursor: { left, after: last.key } };
  },
  work: async (context, batch) => {
    const side = sideOf(context);
    const all = await rows(context).get(Scope.parse(batch.scope).ids);
    const results = await Promise.allSettled(all.map((row) => takeBack(context, side, row)));
    const done = results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
    await rows(context).put(done);
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return { done: true, counts: { stays: done.filter(({ state }) => state === "conflict").length } };
  },
};

async function takeBack(context: Context, side: Side, row: Checkpoint): Promise<Checkpoint> {
  const before = await beforeOf(context, row);
  const isCreated = row.detail["created"] === true;
  if (before === undefined && !isCreated) return { ...row, state: "reverted" };
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const found = await side.find(row.key);
    if (found === undefined) return isCreated ? { ...row, state: "reverted" } : stays(row, "is gone since");
    if (!isCreated && found.exact === row.detail["was"]) return { ...row, state: "reverted" };
    if (!isAsWritten(row, found)) return stays(row, "has changed since");
    const isBack = await (isCreated
      ? side.remove(row.key, found)
      : side.putBack(row.key, before ?? "", found));
    if (isBack) return { ...row, state: "reverted" };
  }
  return stays(row, "others write to it all the time");
}

/** A row whose write was not recorded any more may have been written: then the store tells, or the content does. */
function isAsWritten({ state, detail }: Checkpoint, found: Found): boolean {
  if (detail["wrote"] === found.exact) return true;
  return state === "pending" && (found.ours ?? found.hash === detail["wants"]);
}

function stays(row: Checkpoint, reason: string): Checkpoint {
  return { ...row, state: "conflict", detail: { ...row.detail, reason } };
}
