import { z } from "zod";
import type { Sweep } from "../../../../engine/migration.ts";
import type { Checkpoint } from "../../../../engine/records.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { beforeOf } from "../before.ts";
import { sideOf } from "../content.ts";
import { foundLocks } from "../locks.ts";
import { managersBefore } from "../managers.ts";
import { type Context, type RestoreOptions, rows } from "../options.ts";

const PER_BATCH = 100;

const Id = z.object({ rank: z.int(), key: z.string() });
const Scope = z.object({ ids: z.array(Id) });

/** What is left on the way back was there before, and belongs again to whom it belonged then. */
export const releaseFieldsBack: Sweep<ClusterConnections, RestoreOptions> = {
  kind: "sweep",
  name: "release-fields-back",
  title: "give the fields of what was put back to whoever managed them before the restore",
  plan: async (context, previous) => {
    const isDue = context.options.side === "kubernetes" && (await context.stageOf("lock")) !== undefined;
    if (!isDue) return { batches: [], done: true };
    if (previous === undefined) await releaseLocks(context);
    const after = previous === undefined ? {} : { after: Id.parse(previous) };
    const page = await rows(context).list({ limit: PER_BATCH, ...after });
    const last = page.at(-1);
    if (last === undefined) return { batches: [], done: true };
    const ids = page.filter(isIntended).map(({ rank, key }) => ({ rank, key }));
    const batches = ids.length === 0 ? [] : [{ scope: { ids }, size: ids.length }];
    return { batches, cursor: { rank: last.rank, key: last.key } };
  },
  work: async (context, batch) => {
    const side = sideOf(context);
    const all = await rows(context).get(Scope.parse(batch.scope).ids);
    const releaseOne = async (row: Checkpoint): Promise<void> =>
      side.release?.(row.key, managersBefore(await beforeOf(context, row)));
    await Promise.all(all.map(releaseOne));
    return { done: true, counts: { released: all.length } };
  },
};

async function releaseLocks(context: Context): Promise<void> {
  for (const [key, before] of Object.entries(await foundLocks(context)))
    await sideOf(context).release?.(key, managersBefore(before));
}

/** What the restore has set out to write. */
function isIntended({ detail }: Checkpoint): boolean {
  return detail["created"] === true || "before" in detail || "beforeIn" in detail;
}
