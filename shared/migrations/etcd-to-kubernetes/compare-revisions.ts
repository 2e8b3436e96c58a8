import { CALICO_PREFIX } from "../../calico/keys.ts";
import type { EtcdKeyValue } from "../../etcd/types.ts";
import { prefixEnd } from "../../etcd/keys.ts";
import { concerns, rankOf, type SourceChange } from "./changes.ts";
import { type Context, resources } from "./context.ts";

const PAGE = 500;
/** Prefixes the cursor of the second half, in which deleted keys are looked for. */
const DELETED = "deleted:";

/** A page of comparing: what differs, and where the next page starts; no `next` on the last one. */
interface ComparedPage {
  changes: SourceChange[];
  next?: string;
}

/**
 * Finds changes where etcd's history is gone, by comparing every key's revision with the one that was copied: first the
 * keys that are there, then the copied ones that no longer are. A page at a time.
 */
export async function compareWithSource(
  context: Context,
  revision: number,
  after?: string,
): Promise<ComparedPage> {
  if (after?.startsWith(DELETED) === true) return deletedPage(context, revision, after.slice(DELETED.length));
  const from = after ?? CALICO_PREFIX;
  const to = prefixEnd(CALICO_PREFIX);
  const page = await context.connections.etcd().range({ from, to, limit: PAGE });
  const present = page.kvs.filter(concerns);
  const copied = await copiedRevisions(context, present);
  const changed = present.filter(({ key, modRevision }) => copied.get(key) !== modRevision);
  const last = page.kvs.at(-1);
  const next = page.more && last !== undefined ? `${last.key}\0` : DELETED;
  return { changes: changed.map((kv) => ({ type: "put", ...pick(kv) })), next };
}

function pick({ key, value, modRevision }: EtcdKeyValue): {
  key: string;
  value: Buffer;
  modRevision: number;
} {
  return { key, value, modRevision };
}

async function copiedRevisions(context: Context, kvs: readonly EtcdKeyValue[]): Promise<Map<string, number>> {
  const ids = kvs.map(({ key }) => ({ rank: rankOf(key) ?? 0, key }));
  const rows = await resources(context).get(ids);
  return new Map(
    rows.filter(({ state }) => state !== "reverted").map((row) => [row.key, row.sourceRevision]),
  );
}

async function deletedPage(context: Context, revision: number, cursor: string): Promise<ComparedPage> {
  const [rank, key] = [Number(cursor.slice(0, 1)), cursor.slice(1)];
  const after = cursor === "" ? {} : { after: { rank, key } };
  const rows = await resources(context).list({ ...after, limit: PAGE });
  const present = await context.connections.etcd().getMany(rows.map((row) => row.key));
  const gone = rows.filter((row) => row.state !== "reverted" && !present.has(row.key));
  const changes = gone.map((row) => ({ type: "delete" as const, key: row.key, modRevision: revision }));
  const last = rows.at(-1);
  return last === undefined ? { changes } : { changes, next: `${DELETED}${last.rank}${last.key}` };
}
