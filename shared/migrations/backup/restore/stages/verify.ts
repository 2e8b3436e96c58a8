import type { Checkpoint } from "../../../../engine/records.ts";
import { MigratorError } from "../../../../errors.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import { countMore, differencesLedger } from "../../../copying/verify-kinds.ts";
import { cameSince } from "../only-here.ts";
import { type Context, rows } from "../options.ts";
import { isLeftOut } from "../put-items.ts";
import { sideOf } from "../content.ts";
import type { Item } from "../side.ts";
import { concludingSweep } from "./item-sweep.ts";
import { exactOf, ownedItems } from "./restore-owners.ts";
import { shownKey } from "../objects.ts";

const NAMED = 5;

/** Compares the whole side with the backup. A difference stops the run, named; after a resume everything is compared again. */
export const verify = concludingSweep(
  { name: "verify", title: "compare everything with the backup, and look for what is not in it" },
  async (context, items) => {
    await differences(context).put(await differing(context, items));
    return { compared: items.length };
  },
  async (context) => {
    for await (const { key, kind } of cameSince(context))
      await differences(context).put([row(key, kind, "is not in the backup")]);
    const named = await differences(context).list({ limit: NAMED });
    if (named.length > 0) throw verifyFailed(named, await countMore(differences(context), named));
  },
);

async function differing(context: Context, items: readonly Item[]): Promise<Checkpoint[]> {
  const side = sideOf(context);
  const known = await rows(context).get(items.map(({ rank, key }) => ({ rank, key })));
  const byKey = new Map(known.map((one) => [one.key, one]));
  const owned = new Map((await ownedItems(context, items)).map((item) => [item.key, exactOf(item)]));
  const found = await side.read(items);
  return items.flatMap((item) => {
    const [present, kept] = [found.get(item.key), byKey.get(item.key)];
    if (kept === undefined || isLeftOut(kept)) return [];
    if (present === undefined) return [row(item.key, item.kind, "is missing")];
    // What a newer definition has added by itself was there right after the write.
    const exact = owned.get(item.key);
    const isSame = exact === undefined ? side.wants(item) === present.hash : exact === present.exact;
    return isSame || kept.detail["wrote"] === present.exact ? [] : [row(item.key, item.kind, "differs")];
  });
}

/** Each attempt has a ledger of its own, so that differences that were mended do not count. */
function differences(context: Context): ReturnType<Context["ledger"]> {
  return context.ledger(differencesLedger("verify", context.run.retriesSeen));
}

function row(key: string, kind: string, reason: string): Checkpoint {
  return {
    rank: 0,
    key,
    state: "conflict",
    target: shownKey(key),
    sourceRevision: 0,
    detail: { kind, code: "VERIFY_DIFFERS", reason },
  };
}

function verifyFailed(named: readonly Checkpoint[], more: string): MigratorError {
  const each = named.map(({ key, detail }) => `${shownKey(key)} ${textAt(detail, "reason")}`).join("; ");
  return new MigratorError("VERIFY_FAILED", `what is there is not what the backup has: ${each}${more}`, {
    next: "Mend or delete what is named, `describe` lists all of it, and `resume`; or undo the restore with `rollback`.",
  });
}
