import { z } from "zod";
import { CALICO_PREFIX } from "../../../calico/keys.ts";
import { kindInfo, KINDS, targetKind } from "../../../calico/kinds.ts";
import type { BatchOutcome, Sweep, SweepPlan } from "../../../engine/migration.ts";
import type { BatchRecord, Checkpoint, NewBatch } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type RankRange, rangesByRank } from "../../copying/ledger-ranges.ts";
import { listPage } from "../../target/calls.ts";
import { type Context, decisions, resources } from "../context.ts";
import { isMissing } from "../missing-kinds.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { COPIED_RANKS } from "../stages/pre-copy.ts";
import { type KeyRange, nextKeyRange } from "./etcd-ranges.ts";

const PAGE = 200;
const PAGES_PER_WORK = 10;
/** How many checkpoints one range may have. */
export const RANGE = PAGE * PAGES_PER_WORK;

const Cursor = z.union([
  z.object({
    phase: z.enum(["deleted", "end"]),
    after: z.object({ rank: z.int(), key: z.string() }).optional(),
  }),
  z.object({ phase: z.literal("created"), from: z.string().optional() }),
]);
const Range = z.object({ from: z.string(), to: z.string() });
const Scope = z.union([
  z.object({ kind: z.string() }),
  z.object({ rank: z.int(), ...Range.shape }),
  z.object({ keys: Range }),
  z.object({ pods: z.literal(true) }),
]);
const Progress = z.object({ continueToken: z.string() });

/** What a walk over both sides does: first with the objects of Kubernetes, then with what has no object any more, then with etcd's keys. */
interface WayBack {
  name: string;
  title: string;
  begin?(context: Context): Promise<void>;
  /** Left out where the objects are not walked over. @returns how many were carried. */
  objects?(context: Context, kind: string, objects: readonly JsonObject[]): Promise<number>;
  /** The copied resources of a range, up to {@link RANGE} of them. @returns how many were deleted. */
  copies(context: Context, range: RankRange): Promise<number>;
  keys(context: Context, range: KeyRange): Promise<void>;
  /** Called for pods besides, a page at a time. */
  pods?(context: Context, batch: Readonly<BatchRecord>): Promise<BatchOutcome>;
}

/** The walk of the way back: what the target lists, kind by kind, then the ledger, for what no list has shown, then all of etcd. */
export function wayBackSweep(walk: WayBack): Sweep<ClusterConnections, EtcdToKubernetesOptions> {
  return {
    kind: "sweep",
    name: walk.name,
    title: walk.title,
    plan: async (context, previous) => {
      if (previous === undefined) {
        await walk.begin?.(context);
        if (walk.objects === undefined) return { batches: [], cursor: { phase: "deleted" } };
        const pods = walk.pods === undefined ? [] : [{ scope: { pods: true }, size: 0 }];
        return { batches: [...kindBatches(), ...pods], cursor: { phase: "deleted" }, barrier: true };
      }
      const cursor = Cursor.parse(previous);
      switch (cursor.phase) {
        case "deleted":
          return planCopies(context, cursor.after);
        case "created":
          return planKeys(context, cursor.from);
        case "end":
          return { batches: [], done: true };
      }
    },
    work: async (context, batch) => {
      const scope = Scope.parse(batch.scope);
      if ("kind" in scope) return workOnKind(context, walk, scope.kind, batch);
      if ("rank" in scope) return { done: true, counts: { deleted: await walk.copies(context, scope) } };
      if ("keys" in scope) await walk.keys(context, scope.keys);
      else if (walk.pods !== undefined) return walk.pods(context, batch);
      return { done: true, counts: {} };
    },
  };
}

function kindBatches(): NewBatch[] {
  const carried = KINDS.filter((info) => info.carried === true && info.rank > 0);
  return carried.map(({ kind }) => ({ scope: { kind }, size: 0 }));
}

async function planCopies(
  context: Context,
  after: { rank: number; key: string } | undefined,
): Promise<SweepPlan> {
  const page = await resources(context).list({ ...(after === undefined ? {} : { after }), limit: RANGE });
  const last = page.at(-1);
  if (last === undefined) return { batches: [], cursor: { phase: "created" }, barrier: true };
  const next = { phase: "deleted", after: { rank: last.rank, key: last.key } };
  return { batches: rangeBatches(page), cursor: next };
}

function rangeBatches(page: readonly Checkpoint[]): NewBatch[] {
  return rangesByRank(page, COPIED_RANKS).map((range) => ({ scope: { ...range }, size: 0 }));
}

async function planKeys(context: Context, from: string | undefined): Promise<SweepPlan> {
  const next = await nextKeyRange(context, CALICO_PREFIX, from);
  if (next === undefined) return { batches: [], cursor: { phase: "end" }, barrier: true };
  const batches = [{ scope: { keys: { ...next.range } }, size: 0 }];
  const cursor = next.more ? { phase: "created", from: next.range.to } : { phase: "end" };
  return { batches, cursor, barrier: !next.more };
}

async function workOnKind(
  context: Context,
  walk: WayBack,
  kind: string,
  batch: Readonly<BatchRecord>,
): Promise<BatchOutcome> {
  if (await isMissing(context, kind)) return { done: true, counts: {} };
  const { targetGroup } = await decisions(context);
  const ref = targetKind(kindInfo(kind), targetGroup);
  let token = batch.progress === undefined ? undefined : Progress.parse(batch.progress).continueToken;
  let carried = 0;
  for (let pages = 0; pages < PAGES_PER_WORK; pages++) {
    const page = await listPage(context, ref, { limit: PAGE, continueToken: token }, "afresh");
    carried += (await walk.objects?.(context, kind, page.items)) ?? 0;
    token = page.continueToken;
    if (token === undefined) break;
  }
  if (token !== undefined) return { more: true, progress: { continueToken: token } };
  return { done: true, counts: { carriedBack: carried } };
}
