import { type Ledger, ledgerPages } from "../../engine/ledger.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { MigratorError } from "../../errors.ts";
import { textAt } from "../../kubernetes/fields.ts";

const PAGE = 1000;
/** How many problems a count names. */
const NAMED = 20;
const NAMED_IN_ERROR = 5;

/** Problems, by how many they are and the first of them. */
export interface Counted {
  count: number;
  items: string[];
}

/** How many rows of a ledger of problems match, and the first of them, as `key (reason)`: all of it is looked through. */
export async function countProblems(
  ledger: Pick<Ledger, "list">,
  matches: (row: Checkpoint) => boolean,
): Promise<Counted> {
  let count = 0;
  const items: string[] = [];
  for await (const page of ledgerPages(ledger, { limit: PAGE })) {
    const found = page.filter(matches);
    count += found.length;
    items.push(...found.slice(0, NAMED - items.length).map(problemText));
  }
  return { count, items };
}

/** A problem for people. */
export function problemText({ key, detail }: Checkpoint): string {
  return `${key} (${textAt(detail, "reason")})`;
}

/** Takes all that is in a ledger of problems as mended: it is looked for afresh. */
export async function forgetProblems(ledger: Ledger): Promise<void> {
  for await (const page of ledgerPages(ledger, { states: ["pending", "failed"], limit: PAGE }))
    await ledger.put(page.map((row) => ({ ...row, state: "reverted" as const })));
}

/** What the API server would refuse to create, before anything is copied; `where` people mend it, and what else they can do. */
export function copyRefused(
  { count, items }: Counted,
  { where, otherwise = "" }: { where: string; otherwise?: string },
): MigratorError {
  return new MigratorError(
    "COPY_REFUSED",
    `the API server would refuse ${count} objects: ${items.slice(0, NAMED_IN_ERROR).join("; ")}`,
    {
      next: `Do what each reason says, in ${where} or in the cluster, then \`resume\`: these are tried again as they are then. \`describe\` lists all of them.${otherwise}`,
      details: { count },
    },
  );
}
