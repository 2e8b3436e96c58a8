import { z } from "zod";
import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import { ledgerPages } from "../../../engine/ledger.ts";
import type { Checkpoint, StageRecord } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import { isLeftOut } from "../../copying/ledger-detail.ts";
import { resources } from "../context.ts";
import { nativeDetailOf } from "../native-detail.ts";
import type { MirrorContext } from "./context.ts";

const PAGE = 500;

/** Of the sweep that copies: the kind that it lists next, by its place in the order of copying. */
const Cursor = z.object({ at: z.object({ kind: z.int() }) });

/** How many of one kind were copied, were there already or were left out, and are in conflict. */
interface Counts {
  migrated: number;
  skipped: number;
  conflicts: number;
}

/** How far the copying is, in kinds, as a DatastoreMigration tells it. */
export function typesProgress(copying: Readonly<StageRecord> | undefined): {
  totalTypes: number;
  completedTypes: number;
  typeProgress: string;
  currentType: string;
} {
  const totalTypes = NATIVE_KINDS.length;
  const completedTypes = completedOf(copying);
  return {
    totalTypes,
    completedTypes,
    typeProgress: `${completedTypes} / ${totalTypes}`,
    currentType: NATIVE_KINDS[completedTypes]?.kind ?? "",
  };
}

/** The results so far, kind by kind and in all. Walks all checkpoints, a page at a time. */
export async function results(context: MirrorContext): Promise<JsonObject> {
  const byKind = new Map<string, Counts>(NATIVE_KINDS.map(({ kind }) => [kind, none()]));
  for await (const page of ledgerPages(resources(context), { limit: PAGE }))
    for (const row of page) count(byKind, row);
  const sum = (member: keyof Counts): number =>
    [...byKind.values()].reduce((total, counts) => total + counts[member], 0);
  const all = { migrated: sum("migrated"), skipped: sum("skipped"), conflicts: sum("conflicts") };
  return {
    ...all,
    total: all.migrated + all.skipped + all.conflicts,
    typeDetails: [...byKind].map(([kind, counts]) => ({ kind, ...counts })),
  };
}

/** A kind is complete once the next one is listed and no page of it is under way. */
function completedOf(copying: Readonly<StageRecord> | undefined): number {
  if (copying === undefined) return 0;
  if (copying.state === "done") return NATIVE_KINDS.length;
  const cursor = Cursor.safeParse(copying.cursor);
  const listed = cursor.success ? cursor.data.at.kind : 0;
  return Math.max(0, copying.openBatches > 0 ? listed - 1 : listed);
}

function none(): Counts {
  return { migrated: 0, skipped: 0, conflicts: 0 };
}

function count(byKind: ReadonlyMap<string, Counts>, row: Checkpoint): void {
  const counts = byKind.get(nativeDetailOf(row).kind);
  const member = memberOf(row);
  if (counts !== undefined && member !== undefined) counts[member]++;
}

function memberOf(row: Checkpoint): keyof Counts | undefined {
  if (row.state === "conflict") return "conflicts";
  if (isLeftOut(row)) return "skipped";
  if (row.state !== "applied" && row.state !== "verified") return undefined;
  return row.detail["created"] === true ? "migrated" : "skipped";
}
