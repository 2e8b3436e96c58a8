import type { NativeKind } from "../../calico/native/native-kinds.ts";
import { ledgerPages } from "../../engine/ledger.ts";
import type { Checkpoint, CheckpointId } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { addCounts } from "../copying/copy-each.ts";
import { conflictPages, hasMoved } from "../copying/unsettled.ts";
import { readTarget } from "../target/calls.ts";
import { isLeaving } from "../target/leaving.ts";
import { applyDeletions } from "./apply-deletions.ts";
import { type Context, nativeVersion, resources } from "./context.ts";
import { copyObjects } from "./copy-objects.ts";
import { convert, taskOf } from "./native-task.ts";
import { v1Ref } from "./v1-ref.ts";

const RETRIED_AT_ONCE = 1000;

/**
 * Tries again what could not be copied, each as its v1 object is now. Of what is gone by now the native object goes as well:
 * a worker that died may have written it without a word in the checkpoint.
 */
export async function retryRows(
  context: Context,
  ids: readonly CheckpointId[],
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const gone = new Map<NativeKind, string[]>();
  const found = new Map<NativeKind, JsonObject[]>();
  const objects = await Promise.all(ids.map(async ({ key }) => ({ key, ...(await readV1(context, key)) })));
  for (const { key, kind, v1 } of objects) {
    if (v1 === undefined) gone.set(kind, [...(gone.get(kind) ?? []), key]);
    else found.set(kind, [...(found.get(kind) ?? []), v1]);
  }
  for (const [kind, keys] of gone) await applyDeletions(context, kind, keys);
  for (const [kind, v1s] of found)
    addCounts(counts, await copyObjects(context, { mode: "create" }, kind, v1s));
  return counts;
}

/**
 * Tries again what may be settled of these ranks by now: conflicts that have moved, and all that is unsettled where the run
 * was resumed since, for then a person may have mended what was in the way.
 *
 * @param retries - how often the run had been resumed when it was last tried.
 */
export async function retryUnsettled(
  context: Context,
  ranks: readonly number[],
  retries: number,
): Promise<void> {
  for (const rank of ranks) {
    const due = retries < context.run.retriesSeen ? unsettledPages(context, rank) : movedPages(context, rank);
    for await (const ids of due) await retryRows(context, ids);
  }
}

function unsettledPages(context: Context, rank: number): AsyncIterable<CheckpointId[]> {
  const states = ["pending", "failed", "conflict"] as const;
  return ledgerPages(resources(context), { rank, states, limit: RETRIED_AT_ONCE });
}

/**
 * Which conflicts of a rank are no longer what was recorded, so that trying them again may settle them: the native object is
 * gone or was edited, or the v1 object was. Only reads; of very many, the first ones.
 */
export async function movedConflicts(context: Context, rank: number): Promise<CheckpointId[]> {
  const found: CheckpointId[] = [];
  for await (const moved of movedPages(context, rank)) {
    found.push(...moved);
    if (found.length >= RETRIED_AT_ONCE) break;
  }
  return found;
}

async function* movedPages(context: Context, rank: number): AsyncGenerator<CheckpointId[]> {
  const version = await nativeVersion(context);
  for await (const rows of conflictPages(resources(context), rank)) {
    const moved = await Promise.all(rows.map((row) => isMoved(context, version, row)));
    yield rows.filter((_, index) => moved[index]);
  }
}

async function isMoved(context: Context, version: string, row: Checkpoint): Promise<boolean> {
  const { kind, v1 } = await readV1(context, row.key);
  const { checkpoint, carried } = v1 === undefined ? {} : convert(kind, v1, row);
  if (v1 === undefined || isLeaving(v1) || checkpoint === undefined || carried === undefined) return true;
  return hasMoved(context, await taskOf(context, version, { checkpoint, carried, v1 }));
}

async function readV1(
  context: Context,
  key: string,
): Promise<{ kind: NativeKind; v1: JsonObject | undefined }> {
  const { kind, ref } = v1Ref(key);
  return { kind, v1: await readTarget(context, ref) };
}
