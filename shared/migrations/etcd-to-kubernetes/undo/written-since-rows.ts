import type { RankRange } from "../../copying/ledger-ranges.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { readTarget } from "../../target/calls.ts";
import { isLeaving } from "../../target/leaving.ts";
import { compareResource } from "../compare.ts";
import { type Context, conversion } from "../context.ts";
import { lossRow, recordLosses } from "../not-carried-back.ts";
import { readSources } from "../source.ts";
import { refOf } from "../target-refs.ts";
import { keptRow, liveRows } from "./carry-deletions.ts";
import { isWrittenSince, WRITTEN_SINCE } from "./written-since.ts";

/** Records which of the copied resources of a range somebody has written in etcd so that it is not as in Kubernetes; writes nothing else. */
export async function recordWrittenSince(context: Context, range: RankRange, limit: number): Promise<void> {
  const convert = await conversion(context);
  for (const { checkpoint, source } of await readSources(context, await liveRows(context, range, limit))) {
    if (!isWrittenSince(checkpoint, source)) continue;
    const found = await readTarget(context, refOf(checkpoint, convert.targetGroup));
    const target = found !== undefined && isLeaving(found) ? undefined : found;
    if (target === undefined && source === undefined) continue;
    if (target === undefined) {
      await recordLosses(context, [keptRow(checkpoint)]);
      continue;
    }
    const current = { ...checkpoint, sourceRevision: source?.modRevision ?? 0 };
    const { result } = await compareResource(context, convert, { checkpoint: current, source, target });
    const { kind, resolved } = detailOf(checkpoint);
    if (result === "equal" && resolved !== "target") continue;
    const why = { reason: WRITTEN_SINCE, source: checkpoint.key };
    await recordLosses(context, [lossRow(kind, checkpoint.target, target, why)]);
  }
}
