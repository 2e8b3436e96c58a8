import { z } from "zod";
import type { StageTraits, Sweep } from "../../../../engine/migration.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { itemGroups, partNames } from "../content.ts";
import { decided } from "../decided.ts";
import type { Context, RestoreOptions } from "../options.ts";
import { type Item, type ItemRank, RANKS } from "../side.ts";

const Cursor = z.object({ rank: z.int() });
const Scope = z.object({
  part: z.string(),
  rank: z.int().optional(),
  /** What is found is kept, and told at the end. Batches of earlier versions told it themselves. */
  keeps: z.boolean().optional(),
});

type Work = (context: Context, items: readonly Item[]) => Promise<Record<string, number>>;
type Traits = Omit<StageTraits<ClusterConnections, RestoreOptions>, "name" | "title"> & {
  name: string;
  title: string;
};

/**
 * A sweep over the items that preflight found to be written, rank by rank: what others refer to is there first. Nobody knows how many
 * a part has before it is read: batches have no size, and what they have done is counted.
 */
export function rankedSweep(traits: Traits, work: Work): Sweep<ClusterConnections, RestoreOptions> {
  return {
    kind: "sweep",
    ...traits,
    plan: async (context, previous) => {
      const at = previous === undefined ? 0 : Cursor.parse(previous).rank;
      const rank = RANKS[at];
      if (rank === undefined) return { batches: [], done: true };
      const { ranks } = await decided(context);
      const parts = (await partNames(context)).filter((part) => ranks[part]?.includes(rank));
      const batches = parts.map((part) => ({ scope: { part, rank }, size: 0 }));
      return { batches, cursor: { rank: at + 1 }, barrier: true };
    },
    work: (context, batch) => workOn(context, Scope.parse(batch.scope), work),
  };
}

/** A sweep over all items of the backup, whatever their rank, in no order. */
export function wholeSweep(traits: Traits, work: Work): Sweep<ClusterConnections, RestoreOptions> {
  return {
    kind: "sweep",
    ...traits,
    plan: async (context) => {
      const batches = (await partNames(context)).map((part) => ({ scope: { part }, size: 0 }));
      return { batches, done: true };
    },
    work: (context, batch) => workOn(context, Scope.parse(batch.scope), work),
  };
}

/**
 * A sweep over all items that keeps what it finds wrong, and concludes once it has seen all of them: a person is told everything at
 * once. After a resume everything is looked at again.
 */
export function concludingSweep(
  traits: Traits,
  look: Work,
  conclude: (context: Context) => Promise<void>,
): Sweep<ClusterConnections, RestoreOptions> {
  return {
    kind: "sweep",
    ...traits,
    plan: async (context, previous) => {
      const { retriesSeen } = context.run;
      if (previous === undefined || Number(previous) < retriesSeen) {
        const parts = await partNames(context);
        const batches = parts.map((part) => ({ scope: { part, keeps: true }, size: 0 }));
        return { batches, cursor: retriesSeen, barrier: true };
      }
      await conclude(context);
      return { batches: [], done: true };
    },
    work: async (context, batch) => {
      const scope = Scope.parse(batch.scope);
      const outcome = await workOn(context, scope, look);
      if (scope.keeps !== true) await conclude(context);
      return outcome;
    },
  };
}

async function workOn(
  context: Context,
  { part, rank }: z.infer<typeof Scope>,
  work: Work,
): Promise<{ done: true; counts: Record<string, number> }> {
  const counts: Record<string, number> = {};
  for await (const items of itemGroups(context, part, rank as ItemRank | undefined))
    for (const [name, count] of Object.entries(await work(context, items)))
      counts[name] = (counts[name] ?? 0) + count;
  return { done: true, counts };
}
