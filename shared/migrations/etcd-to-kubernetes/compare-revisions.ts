import { z } from "zod";
import { CALICO_PREFIX } from "../../calico/keys.ts";
import type { EtcdKeyValue } from "../../etcd/types.ts";
import { prefixEnd } from "../../etcd/keys.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { concerns, rankOf, type SourceChange } from "./source-changes.ts";
import { type Context, resources } from "./context.ts";
import { isLeftOut } from "../copying/ledger-detail.ts";

const PAGE = 1000;
const LIVE = ["pending", "applied", "verified", "conflict", "failed"] as const;

/**
 * Where comparing goes on: among the keys that are there, with how many of them have been copied so far, then among the
 * copied ones, of which some are gone.
 */
export const ComparedTo = z.union([
  z.object({ from: z.string(), copied: z.int() }),
  z.object({ after: z.object({ rank: z.int(), key: z.string() }).nullable() }),
]);
export type ComparedTo = z.infer<typeof ComparedTo>;

/** A page of comparing: what differs, and where the next page starts; no `next` on the last one. */
interface ComparedPage {
  changes: SourceChange[];
  next?: ComparedTo;
}

/**
 * Finds changes without etcd's history, by comparing every key's revision with the one that was copied. First the keys that
 * are there, without their values; then, only where these are fewer than were copied, the copied ones that are there no
 * longer. A page at a time.
 *
 * @param revision - told as the revision of deletions, whose own is not known
 */
export async function compareWithSource(
  context: Context,
  revision: number,
  at: ComparedTo = { from: CALICO_PREFIX, copied: 0 },
): Promise<ComparedPage> {
  return "from" in at ? presentPage(context, revision, at) : deletedPage(context, revision, at.after);
}

async function presentPage(
  context: Context,
  revision: number,
  { from, copied }: Extract<ComparedTo, { from: string }>,
): Promise<ComparedPage> {
  const to = prefixEnd(CALICO_PREFIX);
  const page = await context.connections.etcd().range({ from, to, limit: PAGE, keysOnly: true });
  const present = page.kvs.filter(concerns);
  const ids = present.map(({ key }) => ({ rank: rankOf(key) ?? 0, key }));
  const rows = new Map((await resources(context).get(ids)).map((row) => [row.key, row]));
  const other = present.filter((kv) => !isAsCopied(rows.get(kv.key), kv));
  const changes = await changesOf(context, revision, other);
  const total = copied + present.filter(({ key }) => isLive(rows.get(key))).length;
  const last = page.kvs.at(-1);
  if (page.more && last !== undefined) return { changes, next: { from: `${last.key}\0`, copied: total } };
  return total === (await countLive(context)) ? { changes } : { changes, next: { after: null } };
}

/** What a person has decided to leave out is as it is to be, whatever it is. */
function isAsCopied(row: Checkpoint | undefined, { modRevision }: EtcdKeyValue): boolean {
  if (row === undefined) return false;
  if (isLeftOut(row)) return true;
  return (row.state === "applied" || row.state === "verified") && row.sourceRevision === modRevision;
}

function isLive(row: Checkpoint | undefined): boolean {
  return row !== undefined && row.state !== "reverted";
}

async function countLive(context: Context): Promise<number> {
  const counts = await resources(context).count();
  return LIVE.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
}

/** One that has gone since its key was read is deleted. */
async function changesOf(
  context: Context,
  revision: number,
  kvs: readonly EtcdKeyValue[],
): Promise<SourceChange[]> {
  if (kvs.length === 0) return [];
  const values = await context.connections.etcd().getMany(kvs.map(({ key }) => key));
  return kvs.map(({ key }) => {
    const found = values.get(key);
    if (found === undefined) return { type: "delete", key, modRevision: revision };
    return { type: "put", key, value: found.value, modRevision: found.modRevision };
  });
}

async function deletedPage(
  context: Context,
  revision: number,
  after: { rank: number; key: string } | null,
): Promise<ComparedPage> {
  const query = { states: LIVE, limit: PAGE };
  const rows = await resources(context).list(after === null ? query : { ...query, after });
  const present = await context.connections.etcd().getMany(rows.map((row) => row.key));
  const gone = rows.filter((row) => !present.has(row.key));
  const changes = gone.map((row) => ({ type: "delete" as const, key: row.key, modRevision: revision }));
  const last = rows.at(-1);
  return last === undefined ? { changes } : { changes, next: { after: { rank: last.rank, key: last.key } } };
}
