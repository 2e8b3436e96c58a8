import type { RunRecord } from "../../../engine/records.ts";
import type { Action, Condition } from "./actions.ts";
import type { RawItem } from "./aws-errors.ts";
import { clusterStateKey, nameOf, segment } from "./keys.ts";
import type { Item } from "./record-size.ts";
import { type Standing, standingOf } from "./run-item.ts";

/** A run before it was created. */
export const UNBORN: Standing = { holds: false, ended: true };

/**
 * What a run's new standing changes in the state of its cluster, which has the run that holds it and the set of those
 * that have not ended; nothing when it stands as before. Refused where another run holds the cluster.
 */
export function clusterAction(run: RunRecord, before: Standing): Action[] {
  const now = standingOf(run);
  const parts: string[] = [];
  const values: Record<string, Item[string]> = {};
  if (now.holds && !before.holds) parts.push("SET heldBy = :run");
  if (!now.holds && before.holds) parts.push("REMOVE heldBy");
  if (now.ended !== before.ended) {
    parts.push(`${now.ended ? "DELETE" : "ADD"} unfinished :runs`);
    values[":runs"] = new Set([segment(run.runId)]);
  }
  if (parts.length === 0) return [];
  const claims = now.holds !== before.holds;
  if (claims) values[":run"] = segment(run.runId);
  const free: Condition = { expression: "attribute_not_exists(heldBy) OR heldBy = :run" };
  const set: Condition = { expression: parts.join(" "), values };
  return [{ update: clusterStateKey(run.cluster), set, ...(claims ? { if: free } : {}) }];
}

/** No run of the cluster is unfinished. DynamoDB has no empty sets: it removes them. */
export const ALL_ENDED: Condition = { expression: "attribute_not_exists(unfinished)" };

/** The run that holds a cluster, by the cluster's state as an error has it. */
export function holderOf(state: RawItem | undefined): string {
  return nameOf(state?.["heldBy"]?.S ?? "");
}

/** The first run of a cluster that has not ended, by the cluster's state as an error has it. */
export function unfinishedOf(state: RawItem | undefined): string {
  return nameOf([...(state?.["unfinished"]?.SS ?? [])].sort()[0] ?? "");
}
