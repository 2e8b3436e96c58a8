import type { ForwardContext } from "../../../calico/forwarded.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import { differing } from "../../copying/verify-kinds.ts";
import { type Comparison, compareResource } from "../compare.ts";
import type { Context } from "../context.ts";
import { hasLostHome } from "../homes.ts";
import { strangerRow } from "../written-by-others.ts";
import type { Pair } from "./verify-kind.ts";

/** How differences are judged. */
export interface JudgeTraits {
  /**
   * What has changed in the source since it was copied: left for catching up, and so is what has lost its namespace or Node; or, on
   * the way back, left to whoever names it.
   */
  sourceChanged: "later" | "named";
  /**
   * What others have written to the target since it was copied, or made there by themselves: a difference; or noted, and to
   * be approved before the unlock where it concerns tiers, policies, sets, host endpoints or IPAM.
   */
  writtenByOthers: "difference" | "noted";
  /** Targets that are as they are with a person's consent; none when left out. */
  accepted?: (context: Context, targets: readonly string[]) => Promise<ReadonlySet<string>>;
}

/** What stops the run, and what is told of others. */
export interface Judged {
  different: Checkpoint[];
  noted: Checkpoint[];
}

/** Judges copies, each with both of its sides. */
export async function judgePairs(
  traits: JudgeTraits,
  context: Context,
  convert: ForwardContext,
  pairs: readonly Pair[],
): Promise<Judged> {
  const different: Checkpoint[] = [];
  const noted: Checkpoint[] = [];
  for (const pair of pairs) {
    const comparison = await compareResource(context, convert, pair);
    if (comparison.result === "equal") continue;
    if (traits.sourceChanged === "named" && isChanged(pair)) continue;
    if (traits.sourceChanged === "later" && (await isForLater(context, pair, comparison))) continue;
    if (isNoted(traits, comparison)) noted.push(differing(pair.checkpoint, reasonOf(comparison)));
    else different.push(differing(pair.checkpoint, reasonOf(comparison)));
  }
  return { different: await unaccepted(traits, context, different), noted };
}

/** What no resource of etcd has become is there by the hand of others, or left over. */
export async function judgeStrangers(
  traits: JudgeTraits,
  context: Context,
  kind: string,
  objects: readonly [string, JsonObject][],
): Promise<Judged> {
  const rows = objects.map((object) => strangerRow(context, kind, object));
  const strange = await unaccepted(traits, context, rows);
  return traits.writtenByOthers === "noted"
    ? { different: [], noted: strange }
    : { different: strange, noted: [] };
}

function isChanged({ checkpoint, source }: Pair): boolean {
  return (source?.modRevision ?? 0) !== checkpoint.sourceRevision;
}

/** What has changed in the source, or lost its namespace or Node, is caught up with. */
async function isForLater(
  context: Context,
  { checkpoint, target }: Pair,
  { result }: Comparison,
): Promise<boolean> {
  return result === "source-changed" || hasLostHome(context, checkpoint, target);
}

async function unaccepted(
  { accepted }: JudgeTraits,
  context: Context,
  rows: Checkpoint[],
): Promise<Checkpoint[]> {
  if (accepted === undefined || rows.length === 0) return rows;
  const targets = await accepted(
    context,
    rows.map(({ target }) => target),
  );
  return rows.filter(({ target }) => !targets.has(target));
}

function isNoted(traits: JudgeTraits, comparison: Comparison): boolean {
  return comparison.result === "different" && comparison.byOthers && traits.writtenByOthers === "noted";
}

function reasonOf(comparison: Comparison): string {
  return comparison.result === "different"
    ? comparison.message
    : "the source has changed since it was copied";
}
