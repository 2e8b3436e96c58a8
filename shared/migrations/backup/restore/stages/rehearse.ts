import { MigratorError } from "../../../../errors.ts";
import { sideOf } from "../content.ts";
import { type Context, rows } from "../options.ts";
import type { Found, Item } from "../side.ts";
import { refusals } from "../preflight/read-part.ts";
import { isLeftOut } from "../put-items.ts";
import { wholeSweep } from "./item-sweep.ts";

const NAMED = 5;

/**
 * Asks the API server once more, now that every definition is there: what it refuses is better known before the lock. Looks at
 * everything, as addresses may have changed that were as in the backup when a person was asked.
 */
export const rehearse = wholeSweep(
  { name: "rehearse", title: "try every write by a dry run, before anything is locked" },
  async (context, all) => {
    const side = sideOf(context);
    const items = await carried(context, all);
    const found = await side.read(items);
    const open = items.filter((item) => {
      const present = found.get(item.key);
      return present === undefined || side.wants(item) !== present.hash;
    });
    const refused = await refusals(side, open, found, true);
    if (refused.length > 0) throw wouldRefuse(refused);
    const changed = await changedSince(context, open, found);
    if (changed.length > 0) throw stale(changed, "addresses have changed since they were shown");
    const gone = await differingSince(context, open);
    if (gone.length > 0) throw stale(gone, "what was as in the backup is no longer so");
    return { tried: open.length };
  },
);

/** Without what stays out with a person's consent: it has no place here, and would be refused for that. */
async function carried(context: Context, items: readonly Item[]): Promise<Item[]> {
  const known = await rows(context).get(items.map(({ rank, key }) => ({ rank, key })));
  const kept = new Set(known.filter((row) => !isLeftOut(row)).map(({ key }) => key));
  return items.filter(({ key }) => kept.has(key));
}

/** Addresses that are no longer what they were when a person was asked about them: that consent does not cover them. */
async function changedSince(
  context: Context,
  items: readonly Item[],
  found: ReadonlyMap<string, Found>,
): Promise<string[]> {
  const delicate = items.filter((item) => item.delicate !== undefined);
  const known = await rows(context).get(delicate.map(({ rank, key }) => ({ rank, key })));
  return known
    .filter(({ key, detail }) => "seen" in detail && detail["seen"] !== (found.get(key)?.hash ?? ""))
    .map(({ key }) => key);
}

/** What was as in the backup when preflight compared it: nothing would be written there, and it would be a difference inside the lock. */
async function differingSince(context: Context, items: readonly Item[]): Promise<string[]> {
  const known = await rows(context).get(items.map(({ rank, key }) => ({ rank, key })));
  return known.filter(({ state }) => state === "verified").map(({ key }) => key);
}

function stale(changed: readonly string[], what: string): MigratorError {
  const named = changed.slice(0, NAMED).join(", ");
  const more = changed.length > NAMED ? `, and ${changed.length - NAMED} more` : "";
  return new MigratorError("RESTORE_STALE", `${what}: ${named}${more}`, {
    next: "`abort` this restore and start it again: it then shows what would be overwritten now.",
  });
}

function wouldRefuse(refused: readonly string[]): MigratorError {
  const more = refused.length > NAMED ? `; and ${refused.length - NAMED} more` : "";
  return new MigratorError(
    "RESTORE_REFUSED",
    `would be refused: ${refused.slice(0, NAMED).join("; ")}${more}`,
    {
      next: "Mend what the API server names, then `resume`; or undo the restore with `rollback`.",
    },
  );
}
