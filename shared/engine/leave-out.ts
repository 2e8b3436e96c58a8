import { MigratorError } from "../errors.ts";
import type { Migration } from "./migration.ts";
import type { LeftOutObject, RunControl, RunRecord } from "./records.ts";
import { isEnd } from "./records.ts";
import type { EngineParts } from "./settings.ts";

/** For migrations whose runs can leave single objects out once they have begun. */
export interface LeaveOutRule<C> {
  /** The stage before which a person approves what is left out. Once it has started, nothing more can be left out. */
  before: string;
  /** An example of how an object is named. */
  example: string;
  isName: (object: string) => boolean;
  /**
   * Gives those of these names (each passes `isName`) that no object has. Changes nothing. Absent where no cluster is
   * reached.
   */
  missing?: (connections: C, objects: readonly string[], signal: AbortSignal) => Promise<string[]>;
}

/** What a person wants left out, besides what the options say. */
export interface LeaveOutRequest {
  objects: readonly string[];
  by: string;
}

/**
 * Refuses what cannot be left out. Throws SKIP_IMPOSSIBLE for migrations that leave nothing out so, SKIP_TOO_LATE, and
 * SKIP_UNKNOWN, naming what is misspelt or not there.
 */
export async function checkLeaveOut<C>(
  parts: EngineParts<C>,
  { run, control, migration }: { run: RunRecord; control: RunControl; migration: Migration<C> },
  objects: readonly string[],
): Promise<void> {
  const { leaveOut: rule } = migration;
  if (rule === undefined) throw impossible(run, parts.migrations.values());
  const { runId } = run;
  const started = await parts.store.getStage({ runId, track: "forward", stage: rule.before });
  if (started !== undefined || isTooLate(run, control)) throw tooLate(run, rule.before);
  const misspelt = objects.filter((object) => !rule.isName(object));
  if (misspelt.length > 0)
    throw unknown(
      misspelt,
      `no name of an object, such as ${rule.example}`,
      "Give each as KIND/NAMESPACE/NAME",
    );
  if (rule.missing === undefined) return;
  const connections = await parts.connections.open(run.cluster, run.options);
  const missing = await rule.missing(connections, objects, new AbortController().signal);
  if (missing.length > 0)
    throw unknown(missing, "not there", "Give each by its kind, namespace and name as they are stored");
}

/** Adds what is left out, once for each object. Throws SKIP_TOO_LATE where that was closed meanwhile. */
export function withLeftOut<C>(
  control: RunControl,
  { run, migration }: { run: RunRecord; migration: Migration<C> },
  { objects, by, at }: LeaveOutRequest & { at: number },
): RunControl {
  if (isTooLate(run, control)) throw tooLate(run, migration.leaveOut?.before ?? "");
  const known = control.leftOut ?? [];
  const fresh = new Set(objects.filter((object) => !known.some((one) => one.object === object)));
  return {
    ...control,
    leftOut: [...known, ...[...fresh].map((object): LeftOutObject => ({ object, by, at }))],
  };
}

function isTooLate(run: RunRecord, control: RunControl): boolean {
  return isEnd(run.state) || control.undo !== undefined || control.leftOutClosed === true;
}

function tooLate({ runId, track }: RunRecord, before: string): MigratorError {
  const why = track === "forward" ? `it has come to \`${before}\`, or is to go back` : "it goes back";
  return new MigratorError("SKIP_TOO_LATE", `run "${runId}" leaves nothing more out: ${why}`, {
    next: `Mend the object and \`resume\` without --skip; or go back with \`calico-migrator rollback ${runId}\`, then \`start\` with --skip.`,
    details: { runId },
  });
}

function impossible<C>({ runId, migration }: RunRecord, all: Iterable<Migration<C>>): MigratorError {
  const able = [...all].filter(({ leaveOut }) => leaveOut !== undefined).map(({ name }) => name);
  const message = `run "${runId}" leaves nothing out by name: it is one of ${migration}, and only those of ${able.join(", ") || "no migration"} do`;
  return new MigratorError("SKIP_IMPOSSIBLE", message, {
    next: "Mend the object as the run says, then `resume` without --skip.",
    details: { runId },
  });
}

function unknown(objects: readonly string[], what: string, next: string): MigratorError {
  const message = `--skip: ${objects.map((object) => `"${object}"`).join(", ")}: ${what}`;
  return new MigratorError("SKIP_UNKNOWN", message, {
    next: `${next}; nothing was done.`,
    details: { objects },
  });
}
