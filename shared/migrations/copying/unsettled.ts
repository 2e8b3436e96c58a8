import { type Ledger, ledgerPages } from "../../engine/ledger.ts";
import type { WaitRequest } from "../../engine/migration.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { MigratorError } from "../../errors.ts";
import { readTarget } from "../target/calls.ts";
import { seenOf } from "./conflict.ts";
import { detailOf } from "./ledger-detail.ts";
import type { CopyContext, CopyTask } from "./task.ts";

const NAMED = 5;
/** So many conflicts are looked at at a time. */
const PAGE = 1000;
/** How often conflicts are looked at again, and how long more of them wait for each. Milliseconds. */
const POLL_MS = 5000;
const POLL_MS_EACH = 50;

/**
 * What of a rank could not be written: undefined when nothing; otherwise what to do about it, which is to wait for a
 * person in the case of conflicts, or to throw COPY_FAILED where the API server refused, with `otherwise` as what else people
 * can do. While the run waits, the stage is planned again now and then: see `conflictPages` for what may be settled by then.
 */
export async function unsettled(
  ledger: Ledger,
  rank: number,
  otherwise = "",
): Promise<(() => { wait: WaitRequest }) | undefined> {
  const failed = await ledger.list({ rank, states: ["failed"], limit: NAMED });
  const conflicts = await ledger.list({ rank, states: ["conflict"], limit: NAMED });
  if (failed.length > 0) {
    return () => {
      throw new MigratorError("COPY_FAILED", `resources could not be written: ${named(failed)}`, {
        next: `Mend what each reason says, then \`resume\`: only these are tried again. \`describe\` lists all of them.${otherwise}`,
        details: { resources: failed.map(({ key }) => key) },
      });
    };
  }
  if (conflicts.length === 0) return undefined;
  const { conflict: count = 0 } = await ledger.count();
  return () => ({ wait: waitForDecisions(conflicts, count) });
}

/** Waits for a person to decide on conflicts, of which these are the first, or to mend them. */
export function waitForDecisions(conflicts: readonly Checkpoint[], count: number): WaitRequest {
  const first = conflicts.slice(0, NAMED);
  const message = `${count} resources of the target differ and are not this run's: ${named(first, count)}`;
  return { reason: "Conflict", message, retryAfterMs: Math.max(POLL_MS, POLL_MS_EACH * count) };
}

/** The same of the first of these ranks that has any. */
export async function firstUnsettled(
  ledger: Ledger,
  ranks: readonly number[],
  otherwise?: string,
): Promise<(() => { wait: WaitRequest }) | undefined> {
  for (const rank of ranks) {
    const left = await unsettled(ledger, rank, otherwise);
    if (left !== undefined) return left;
  }
  return undefined;
}

/** The conflicts of a rank, all of which are looked at while a run waits for a person: any of them may be settled first. */
export function conflictPages(ledger: Ledger, rank: number): AsyncIterable<Checkpoint[]> {
  return ledgerPages(ledger, { rank, states: ["conflict"], limit: PAGE });
}

/** True when a conflict is no longer what was recorded: the object is gone or was edited, or the source was. Only reads. */
export async function hasMoved(context: CopyContext, copy: CopyTask): Promise<boolean> {
  const found = await readTarget(context, copy.target);
  if (found === undefined) return true;
  const seen = seenOf(copy, await copy.expected(), found);
  return detailOf(copy.checkpoint).conflict?.seen !== seen;
}

function named(checkpoints: readonly Checkpoint[], count?: number): string {
  const names = checkpoints.map((one) => `${one.target} (${detailOf(one).reason ?? "no reason recorded"})`);
  if (count === undefined) return names.join("; ") + (names.length === NAMED ? "; and perhaps more" : "");
  return names.join("; ") + (count > names.length ? `; and ${count - names.length} more` : "");
}
