import { MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { shownAlways } from "./approvals.ts";
import { allStages, type Migration, type Stage } from "./migration.ts";
import type { Approval, RunControl, RunRecord } from "./records.ts";

/** What an approval of a subject covers: the same `always`, or what is `found` on the cluster, which has to be seen first. */
export type SubjectKind = "always" | "found";

/** An approval as it is asked to be recorded; without a fingerprint it is of what is shown now. */
interface ApprovalRequest {
  subject: string;
  fingerprint?: string | undefined;
}

/** Every subject that a run of this migration may ask for. */
export function subjectsOf<C, O extends JsonObject>(
  migration: Migration<C, O>,
  stopBefore?: string,
): ReadonlyMap<string, SubjectKind> {
  const subjects = new Map<string, SubjectKind>();
  for (const stage of allStages(migration)) {
    for (const { subject } of stage.approvals ?? []) subjects.set(subject, "found");
    for (const { subject, kind } of stage.asks ?? []) subjects.set(subject, kind);
  }
  // An earlier stage may ask for the approval of one of these stages: it shows the same.
  for (const stage of migration.stages.filter(isCommitting)) subjects.set(stage.name, "always");
  if (stopBefore !== undefined) subjects.set(stopBefore, "always");
  return subjects;
}

/** True for stages that never start without a person's yes. */
export function isCommitting<C, O>({ pointOfNoReturn, irreversible }: Stage<C, O>): boolean {
  return pointOfNoReturn === true || irreversible === true;
}

/**
 * Approvals that come with a new run, bound to what they cover. Throws SUBJECT_UNKNOWN, and APPROVAL_UNSEEN for what nobody
 * can have seen.
 */
export function approvedInAdvance<C>(
  migration: Migration<C>,
  approvals: readonly Approval[],
  stopBefore: string | undefined,
): Approval[] {
  const subjects = subjectsOf(migration, stopBefore);
  return approvals
    .map((approval) => ({ ...approval, fingerprint: boundInAdvance(migration.name, subjects, approval) }))
    .filter(({ subject }) => subject !== stopBefore);
}

/**
 * What an approval of a run covers: what the run asks for now, or in advance what is the same always, or what the person
 * names by its fingerprint. Throws SUBJECT_UNKNOWN, APPROVAL_STALE when something else is asked for by now, and
 * APPROVAL_UNSEEN.
 */
export function fingerprintOf<C>(
  migration: Migration<C>,
  { run, control }: { run: RunRecord; control: RunControl },
  request: ApprovalRequest,
): string {
  const { waiting } = run;
  const { subject, fingerprint } = request;
  if (waiting?.reason !== "Approval" || waiting.subject !== subject || waiting.fingerprint === undefined) {
    const { stopBefore } = control;
    if (subject === stopBefore) throw unseen(run.migration, subject);
    return boundInAdvance(run.migration, subjectsOf(migration, stopBefore), request);
  }
  if (fingerprint === undefined || fingerprint === waiting.fingerprint) return waiting.fingerprint;
  throw stale(run, subject, waiting.fingerprint);
}

function boundInAdvance(
  migration: string,
  subjects: ReadonlyMap<string, SubjectKind>,
  { subject, fingerprint }: ApprovalRequest,
): string {
  const kind = subjects.get(subject);
  if (kind === undefined) throw unknown(migration, subject, subjects);
  if (kind === "always") return shownAlways(subject, "").fingerprint;
  if (fingerprint === undefined) throw unseen(migration, subject);
  return fingerprint;
}

function unknown(
  migration: string,
  subject: string,
  subjects: ReadonlyMap<string, SubjectKind>,
): MigratorError {
  return new MigratorError("SUBJECT_UNKNOWN", `${migration} never asks for an approval of "${subject}"`, {
    next: `Use one of: ${[...subjects.keys()].join(", ")}.`,
  });
}

function unseen(migration: string, subject: string): MigratorError {
  const message = `"${subject}" is not asked for yet: nobody has seen what an approval of it would cover`;
  return new MigratorError("APPROVAL_UNSEEN", message, {
    next: `Wait until the run asks, then approve; or approve what \`calico-migrator plan ${migration}\` shows, as ${subject}@FINGERPRINT.`,
  });
}

function stale({ runId, waiting }: RunRecord, subject: string, fingerprint: string): MigratorError {
  const message = `what was approved as "${subject}" has changed since: run "${runId}" asks for ${fingerprint} now: ${waiting?.message ?? ""}`;
  return new MigratorError("APPROVAL_STALE", message, {
    next: `Look at it, then \`calico-migrator approve ${runId} ${subject}@${fingerprint}\`.`,
    details: { subject, fingerprint },
  });
}
