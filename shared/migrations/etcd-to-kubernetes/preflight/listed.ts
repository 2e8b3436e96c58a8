import { ledgerPages, type Ledger } from "../../../engine/ledger.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { type Counted, countProblems, problemText } from "../../copying/problems.ts";
import type { Context } from "../context.ts";

const PAGE = 1000;
const NAMED = 20;
const NO_REVISION = -1;

/**
 * The first rows of a ledger of problems that are of the present reading and match, as `key (reason)`. Goes through the
 * whole ledger where it has to: an earlier reading may have left any number of others.
 */
export async function listedProblems(
  context: Pick<Context, "notes">,
  ledger: Pick<Ledger, "list">,
  matches: (row: Checkpoint) => boolean,
  limit = NAMED,
): Promise<string[]> {
  const found = await presentProblems(ledger, context.notes["pinnedRevision"], matches, limit);
  return found.map(problemText);
}

/** The first rows of a ledger of problems that were read at this revision and match. */
async function presentProblems(
  ledger: Pick<Ledger, "list">,
  revision: unknown,
  matches: (row: Checkpoint) => boolean,
  limit: number,
): Promise<Checkpoint[]> {
  const found: Checkpoint[] = [];
  for await (const page of ledgerPages(ledger, { limit: PAGE })) {
    found.push(...page.filter((row) => row.detail["revision"] === revision && matches(row)));
    if (found.length >= limit) break;
  }
  return found.slice(0, limit);
}

/** How many rows of a ledger of problems are of the present reading and match, and the first of them, as `key (reason)`. */
export function countedProblems(
  context: Pick<Context, "notes">,
  ledger: Pick<Ledger, "list">,
  matches: (row: Checkpoint) => boolean = () => true,
): Promise<Counted> {
  const revision = context.notes["pinnedRevision"];
  return countProblems(ledger, (row) => row.detail["revision"] === revision && matches(row));
}

/** The row of a problem that is over: it belongs to no reading any more. */
export function over(row: Checkpoint): Checkpoint {
  return { ...row, state: "reverted", detail: { ...row.detail, revision: NO_REVISION } };
}
