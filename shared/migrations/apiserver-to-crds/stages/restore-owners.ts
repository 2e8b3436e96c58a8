import { z } from "zod";
import type { Sweep } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { ClusterConnections } from "../../connections.ts";
import { fieldManager } from "../../context.ts";
import { WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import { type Context, nativeVersion, resources, sendFor } from "../context.ts";
import { nativeDetailOf } from "../native-detail.ts";
import { nativeRefOf } from "../native-ref.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { ownerMap } from "../owner-map.ts";
import { restoreOwners as putBack } from "../owners/release.ts";

const PAGE = 2000;
const COPIED = ["applied", "verified"] as const;
const Cursor = z.object({ rank: z.int(), key: z.string() });
const Scope = z.object({ ids: z.array(z.object({ rank: z.int(), key: z.string() })) });

/** Gives native objects their Calico owners, by the UIDs that these have now: only the aggregated API knew the old ones. */
export const restoreOwners: Sweep<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "sweep",
  name: "restore-owners",
  title: "give native objects their Calico owners by native UIDs",
  changesCluster: true,
  plan: async (context, previous) => {
    const after = previous === undefined ? {} : { after: Cursor.parse(previous) };
    const page = await resources(context).list({ ...after, states: COPIED, limit: PAGE });
    const last = page.at(-1);
    if (last === undefined) return { batches: [], done: true };
    const owned = page.filter((row) => nativeDetailOf(row).owners !== undefined);
    const ids = owned.map(({ rank, key }) => ({ rank, key }));
    const batches = ids.length === 0 ? [] : [{ scope: { ids }, size: ids.length }];
    return { batches, cursor: { rank: last.rank, key: last.key } };
  },
  work: async (context, batch) => {
    const rows = await resources(context).get(Scope.parse(batch.scope).ids);
    return { done: true, counts: await giveOwners(context, rows) };
  },
};

async function giveOwners(context: Context, rows: readonly Checkpoint[]): Promise<Record<string, number>> {
  const placed = rows.flatMap((row) => {
    const { owners = [], namespace } = nativeDetailOf(row);
    return owners.map((reference) => ({ reference, namespace }));
  });
  const ownerOf = await ownerMap(context, placed);
  const version = await nativeVersion(context);
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  const outcomes = await Promise.all(
    rows.map((row) => putBack(sendFor(context), recordOf(row, version), ownerOf, options)),
  );
  const missing = outcomes.reduce(
    (sum, one) => sum + (one.outcome === "restored" ? one.missing.length : 0),
    0,
  );
  return { owned: rows.length, ownersMissing: missing };
}

function recordOf(row: Checkpoint, version: string): Parameters<typeof putBack>[1] {
  const { owners = [] } = nativeDetailOf(row);
  const references = owners.map((reference, at) => ({ at, reference }));
  const { namespace, ...ref } = nativeRefOf(row, version);
  return { ...ref, ...(namespace === undefined ? {} : { namespace }), uid: row.targetUid ?? "", references };
}
