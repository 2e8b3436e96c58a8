import { z } from "zod";
import type { Checkpoint, Failure, RunRecord } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { resources } from "../context.ts";
import type { MirrorContext } from "./context.ts";
import { timeText } from "./texts.ts";

/** As many as upstream names; the CRD allows 64 conditions. */
const NAMED = 32;

const Known = z.object({ key: z.string(), since: z.number() });

/**
 * The conditions of a run: one for each conflict while it waits for these to be decided, and one for its failure. Types and
 * reasons are upstream's (kube-controllers/pkg/controllers/migration).
 */
export async function conditionsOf(context: MirrorContext): Promise<JsonObject[]> {
  const { waiting, failure } = context.run;
  const conflicts = waiting?.reason === "Conflict" ? await conflictConditions(context) : [];
  const failed = failure === undefined ? [] : [failedCondition(context.run, failure)];
  return [...failed, ...conflicts];
}

async function conflictConditions(context: MirrorContext): Promise<JsonObject[]> {
  const ledger = resources(context);
  const named = (await ledger.list({ states: ["conflict"], limit: NAMED })).map(conflictOf);
  const { conflict = 0 } = await ledger.count();
  const conditions = named.map(({ text, since }) => condition("Conflict", "ResourceMismatch", text, since));
  const more = conflict - named.length;
  if (more <= 0) return conditions;
  const text = `${more} more: \`calico-migrator conflicts ${context.run.runId}\` lists all of them`;
  const latest = Math.max(...named.map(({ since }) => since));
  return [...conditions, condition("Conflict", "ConflictsOmitted", text, latest)];
}

function conflictOf(row: Checkpoint): { text: string; since: number } {
  const { conflict, reason = "the native object differs" } = detailOf(row);
  const known = Known.safeParse(conflict);
  const { key, since } = known.success ? known.data : { key: row.target, since: 0 };
  return { text: `${key}: ${reason}`, since };
}

function failedCondition(run: RunRecord, { code, message, next }: Failure): JsonObject {
  const degraded = run.conditions.find(({ type }) => type === "Degraded");
  const since = Date.parse(degraded?.lastTransitionTime ?? "") || run.updatedAt;
  return condition("Failed", "MigrationError", `${code}: ${message} ${next}`, since);
}

function condition(type: string, reason: string, message: string, since: number): JsonObject {
  return { type, status: "True", reason, message, lastTransitionTime: timeText(since) };
}
