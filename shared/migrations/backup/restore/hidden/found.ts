import { ledgerPages } from "../../../../engine/ledger.ts";
import { askFor, type Shown } from "../../../../engine/approvals.ts";
import type { ApprovalRule, WaitRequest } from "../../../../engine/migration.ts";
import type { Checkpoint } from "../../../../engine/records.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { decided } from "../decided.ts";
import { type Context, type RestoreOptions, uncarried } from "../options.ts";
import { isAggregated } from "../places.ts";
import { type Hidden, hiddenNatives } from "./compare.ts";
import { HiddenList, identityOf } from "./hidden-list.ts";

const PER_PUT = 100;
const PER_PAGE = 1000;
const NAMED = 5;
const SUBJECT = "hidden-natives";

const REASONS: Readonly<Record<Hidden["how"], string>> = {
  created: "was created in the native group since the backup: an aggregated API server hides it",
  changed: "was changed in the native group since the backup: an aggregated API server shows it as it was",
  deleted: "was deleted in the native group since the backup: an aggregated API server shows it again",
};

/** Finds what a person has to be asked about, and keeps all of it by name. */
export async function findHidden(context: Context): Promise<HiddenList> {
  const list = new HiddenList();
  let some: Hidden[] = [];
  const flush = async (): Promise<void> => {
    await uncarried(context).put(some.map(row));
    some = [];
  };
  for await (const hidden of hiddenNatives(context)) {
    list.add(hidden);
    some.push(hidden);
    if (some.length >= PER_PUT) await flush();
  }
  await flush();
  return list;
}

/**
 * Asks for what was done in the native group since preflight looked at it: from the moment at which an aggregated API server
 * serves the group again, nobody sees or enforces that. The first named are the new ones.
 */
export const askHiddenSince: ApprovalRule<ClusterConnections, RestoreOptions> = {
  subject: SUBJECT,
  needed: hiddenSince,
};

/**
 * The same for a stage that has begun: a worker may have died before its first write, and another goes on after days. Undefined
 * where nobody has to be asked.
 */
export async function askHiddenAgain(context: Context): Promise<{ wait: WaitRequest } | undefined> {
  const shown = await hiddenSince(context);
  return shown === undefined || context.approved(SUBJECT, shown)
    ? undefined
    : { wait: askFor(SUBJECT, shown) };
}

async function hiddenSince(context: Context): Promise<Shown | undefined> {
  if (!(await decided(context)).hidesNatives || (await isAggregated(context))) return undefined;
  const shown = await shownIdentities(context);
  const since = new HiddenList();
  for await (const hidden of hiddenNatives(context)) if (!shown.has(identityOf(hidden))) since.add(hidden);
  const { count, first, fingerprint } = since;
  if (count === 0) return undefined;
  const more = count > NAMED ? `; and ${count - NAMED} more` : "";
  const message = `${count} were created, changed or deleted in the native group since it was looked at, and are forgotten: ${first.slice(0, NAMED).join("; ")}${more}. Keep what shall stay, and apply it once the restore is done; or undo the restore with \`rollback\``;
  return { message, count, fingerprint };
}

async function shownIdentities(context: Context): Promise<ReadonlySet<string>> {
  const shown = new Set<string>();
  for await (const page of ledgerPages(uncarried(context), { states: ["pending"], limit: PER_PAGE }))
    for (const { key, detail } of page)
      if (detail["subject"] === SUBJECT)
        shown.add(identityOf({ id: key, kind: textAt(detail, "kind"), meaning: textAt(detail, "meaning") }));
  return shown;
}

function row({ id, kind, how, meaning }: Hidden): Checkpoint {
  const detail = { kind, subject: SUBJECT, reason: REASONS[how], meaning };
  return { rank: 0, key: id, state: "pending", target: id, sourceRevision: 0, detail };
}
