import { ledgerPages } from "../../../../engine/ledger.ts";
import type { Checkpoint } from "../../../../engine/records.ts";
import { MigratorError } from "../../../../errors.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import { isStale } from "../as-shown.ts";
import { sideOf } from "../content.ts";
import { KindsNamed } from "../kinds-named.ts";
import { type Context, rows } from "../options.ts";
import { refusals } from "../preflight/read-part.ts";
import { isLeftOut } from "../put-items.ts";
import type { Found, Item } from "../side.ts";
import { concludingSweep } from "./item-sweep.ts";
import { shownKey } from "../objects.ts";

const PER_PAGE = 1000;

/** What can be wrong, in the order in which it is told, as a message begins. */
const FAULTS = {
  addresses: "addresses have changed since they were shown",
  changed: "what would be written over has changed since it was shown",
  differs: "what was as in the backup is no longer so",
  refused: "would be refused",
} as const;
type Fault = keyof typeof FAULTS;

/**
 * Asks the API server once more, now that every definition is there: what it refuses is better known before the lock. Looks at
 * everything: a person has consented to writing over what was shown, and to nothing else. All that is wrong is told at once.
 */
export const rehearse = concludingSweep(
  { name: "rehearse", title: "try every write by a dry run, before anything is locked" },
  async (context, all) => {
    const side = sideOf(context);
    const known = await carried(context, all);
    const items = all.filter(({ key }) => known.has(key));
    const found = await side.read(items);
    const open = items.filter((item) => {
      const present = found.get(item.key);
      return present === undefined || side.wants(item) !== present.hash;
    });
    const refused = await refusals(side, open, found, true);
    const stale = open.flatMap((item) => staleRow(item, found.get(item.key), known.get(item.key)));
    const told = new Set(stale.map(({ key }) => key));
    const others = refused.filter(({ item }) => !told.has(item.key));
    await faults(context).put([
      ...stale,
      ...others.map(({ item, reason }) => faultRow(item, "refused", reason)),
    ]);
    return { tried: open.length };
  },
  async (context) => {
    const named = new Map<Fault, KindsNamed>();
    for await (const page of ledgerPages(faults(context), { limit: PER_PAGE }))
      for (const { key, detail } of page) {
        const fault = textAt(detail, "fault") as Fault;
        const reason = textAt(detail, "reason");
        const kinds = named.get(fault) ?? new KindsNamed();
        named.set(fault, kinds);
        kinds.add(textAt(detail, "kind"), reason === "" ? shownKey(key) : `${shownKey(key)}: ${reason}`);
      }
    if (named.size > 0) throw wrong(named);
  },
);

/** The rows of the items, without those that stay out with a person's consent: these have no place here, and would be refused for that. */
async function carried(context: Context, items: readonly Item[]): Promise<ReadonlyMap<string, Checkpoint>> {
  const known = await rows(context).get(items.map(({ rank, key }) => ({ rank, key })));
  return new Map(known.filter((row) => !isLeftOut(row)).map((row) => [row.key, row]));
}

/** Nothing would be written where all was as in the backup, and it would be a difference inside the lock. */
function staleRow(item: Item, found: Found | undefined, row: Checkpoint | undefined): Checkpoint[] {
  if (row === undefined) return [];
  const isChanged = isStale(row, found);
  if (isChanged && item.delicate !== undefined) return [faultRow(item, "addresses")];
  if (row.state === "verified") return [faultRow(item, "differs")];
  return isChanged ? [faultRow(item, "changed")] : [];
}

/** Of each attempt its own, so that what was mended does not count. */
function faults(context: Context): ReturnType<Context["ledger"]> {
  return context.ledger(`faults/rehearse/${context.run.retriesSeen}`);
}

function faultRow({ key, kind }: Item, fault: Fault, reason = ""): Checkpoint {
  const row = { rank: 0, key, target: shownKey(key), state: "conflict" as const, sourceRevision: 0 };
  return { ...row, detail: { kind, fault, reason } };
}

function wrong(named: ReadonlyMap<Fault, KindsNamed>): MigratorError {
  const told = (Object.keys(FAULTS) as Fault[]).flatMap((fault) => {
    const kinds = named.get(fault);
    return kinds === undefined ? [] : [`${FAULTS[fault]}: ${kinds.toString()}`];
  });
  const message = told.join(". Besides, ");
  // What is shown anew says also what is refused.
  const isRefused = named.size === 1 && named.has("refused");
  return isRefused ? wouldRefuse(message) : stale(message);
}

function stale(message: string): MigratorError {
  return new MigratorError("RESTORE_STALE", message, {
    next: "`abort` this restore and start it again: it then shows what would be overwritten now.",
  });
}

function wouldRefuse(message: string): MigratorError {
  return new MigratorError("RESTORE_REFUSED", message, {
    next: "Mend what the API server names, then `resume`; or undo the restore with `rollback`.",
  });
}
