import { differences } from "../../calico/differences.ts";
import { type ConflictDetail, conflictKey, conflictSince, fingerprint } from "../../engine/conflicts.ts";
import type { Checkpoint, Resolution } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { kubectlCommand } from "../../kubernetes/kubectl-command.ts";
import { detailOf, withDetail } from "./ledger-detail.ts";
import { isLeaving, leavingText } from "../target/leaving.ts";
import { isOurs } from "../target/ownership.ts";
import { appliedCheckpoint, type CopyContext, type CopyTask } from "./task.ts";

const CODE = "TARGET_DIFFERS";
/** Nothing can be written in its place before it is gone, and nobody can keep it. */
const LEAVING = "TARGET_BEING_DELETED";
const PATHS_LISTED = 10;

/** A resource and the object that is in its place. */
export interface Clash {
  copy: CopyTask;
  /** What the source means, the server's defaults applied. */
  expected: JsonObject;
  found: JsonObject;
  /** Why it is a conflict, for people. */
  reason: string;
}

/**
 * Goes by what a person has decided about a conflict that was seen as it is now; without a decision it is recorded, for
 * people to decide on. With `source`, what was there is recorded first, so that undo puts it back, and `replace` writes.
 */
export async function settleConflict(
  context: CopyContext,
  clash: Clash,
  replace: (intended: CopyTask, created: boolean) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const { copy, found } = clash;
  const conflict = describe(context, clash);
  const decision = decisionOn(context, conflict, isLeaving(found));
  switch (decision?.use) {
    case undefined:
      return conflictRow(clash, conflict);
    case "target":
      return keepTarget(copy, found, decision);
    case "skip":
      return leaveOut(copy, decision);
    case "source": {
      const { intended, created } = intend(context, clash, decision);
      await context.ledger("resources").put([intended]);
      return replace({ ...copy, checkpoint: intended }, created);
    }
  }
}

/** The checkpoint of a clash that nobody has decided on; undefined where somebody has. Writes nothing. */
export function undecided(context: CopyContext, clash: Clash): Checkpoint | undefined {
  const conflict = describe(context, clash);
  const decision = decisionOn(context, conflict, isLeaving(clash.found));
  return decision === undefined ? conflictRow(clash, conflict) : undefined;
}

/** True for a conflict as it was recorded that a person has decided on, so that copying settles it. */
export function isDecided(context: Pick<CopyContext, "resolution">, row: Checkpoint): boolean {
  const { conflict, code } = detailOf(row);
  return conflict !== undefined && decisionOn(context, conflict, code === LEAVING) !== undefined;
}

/** Of an object that is being deleted a person can only leave its resource out: it can neither be kept nor be written to. */
function decisionOn(
  context: Pick<CopyContext, "resolution">,
  conflict: ConflictDetail,
  leaving: boolean,
): Resolution | undefined {
  const decision = context.resolution(conflict);
  return leaving && decision?.use !== "skip" ? undefined : decision;
}

function conflictRow({ copy, found, reason }: Clash, conflict: ConflictDetail): Checkpoint {
  const why = isLeaving(found)
    ? { code: LEAVING, reason: `${leavingText(found)}: it is copied once that is gone` }
    : { code: CODE, reason };
  return withDetail({ ...copy.checkpoint, state: "conflict" }, { ...why, conflict });
}

/** Both sides of a conflict in one text, which is another as soon as one of them is; deleting an object is a change of it. */
export function seenOf(
  { meaning }: Pick<CopyTask, "meaning">,
  expected: JsonObject,
  found: JsonObject,
): string {
  const leaving = isLeaving(found) ? ` leaving ${textAt(found, "metadata", "uid")}` : "";
  return fingerprint(meaning(expected), `${meaning(found)}${leaving}`);
}

/** True when an object is as this run has written it by a person's decision, so that it may be brought up to date. */
export function isAsDecided({ checkpoint, meaning }: CopyTask, found: JsonObject): boolean {
  const { resolved, held } = detailOf(checkpoint);
  return resolved === "source" && held === meaning(found);
}

function describe(context: CopyContext, { copy, expected, found }: Clash): ConflictDetail {
  const { kind, target } = copy;
  const seen = seenOf(copy, expected, found);
  const listed = differences(expected, found, { limit: PATHS_LISTED + 1 });
  return {
    key: conflictKey(target),
    kind,
    seen,
    since: conflictSince(copy.checkpoint, seen, context.clock.now()),
    differences: listed.slice(0, PATHS_LISTED),
    more: listed.length > PATHS_LISTED,
    command: kubectlCommand("edit", target),
    ...(isLeaving(found) ? { onlySkip: true as const } : {}),
  };
}

function keepTarget(copy: CopyTask, found: JsonObject, { by }: Resolution): Checkpoint {
  const kept = appliedCheckpoint(copy, textAt(found, "metadata", "uid"), false);
  return withDetail(kept, { resolved: "target", resolvedBy: by, held: copy.meaning(found) });
}

function leaveOut(copy: CopyTask, { by }: Resolution): Checkpoint {
  const { targetUid: _uid, ...left } = appliedCheckpoint(copy, "", false);
  return withDetail({ ...left, state: "reverted" }, { resolved: "skip", resolvedBy: by });
}

/** What this run had created itself is its own to delete; of anything else, what was there first is put back. */
function intend(
  context: CopyContext,
  { copy, expected, found }: Clash,
  { by }: Resolution,
): { intended: Checkpoint; created: boolean } {
  const { before } = detailOf(copy.checkpoint);
  const created = before === undefined && isOurs(context, found);
  const decided = { resolved: "source", resolvedBy: by, held: copy.meaning(expected) } as const;
  const intended = withDetail(copy.checkpoint, created ? decided : { ...decided, before: before ?? found });
  return { intended, created };
}
