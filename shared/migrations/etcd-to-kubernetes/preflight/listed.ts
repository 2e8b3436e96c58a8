import type { Ledger } from "../../../engine/ledger.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { Context } from "../context.ts";

const PAGE = 1000;

/** The first rows of a ledger of problems that are of the present reading and match, as `key (reason)`. */
export async function listedProblems(
  context: Context,
  ledger: Ledger,
  matches: (row: Checkpoint) => boolean,
  limit = 20,
): Promise<string[]> {
  const rows = await ledger.list({ limit: PAGE });
  const revision = context.notes["pinnedRevision"];
  const present = rows.filter((row) => row.detail["revision"] === revision && matches(row));
  return present.slice(0, limit).map(({ key, detail }) => `${key} (${textAt(detail, "reason")})`);
}
