import { askFor, shownThings } from "../../../engine/approvals.ts";
import { ledgerPages } from "../../../engine/ledger.ts";
import type { StageOutcome } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { sideOf } from "./content.ts";
import { MigratorError } from "../../../errors.ts";
import { decided } from "./decided.ts";
import { isClusterInformation, shownKey } from "./objects.ts";
import { type Context, rows, uncarried } from "./options.ts";
import { isLeftOut } from "./put-items.ts";

const PER_GET = 100;
const PER_PAGE = 1000;
const NAMED = 5;
const NATIVE = "projectcalico.org/";

/** Something of Calico's data that is there, and that the backup has not. */
interface OnlyHere {
  key: string;
  kind: string;
}

/** Where to look for what is here alone, and who is told of what is put back and being deleted. */
interface Look {
  resources: readonly string[];
  /** Native objects will be hidden, and do not stay beside what is put back: they are asked about apart. */
  hidesNatives: boolean;
  onLeaving?: ((what: string) => void) | undefined;
}

/** Whatever of Calico's data is there without a row, so that the backup has it not. */
export async function* onlyHere(
  context: Context,
  { resources, hidesNatives, onLeaving }: Look,
): AsyncGenerator<OnlyHere, void> {
  for await (const page of sideOf(context).present(resources)) {
    for (let from = 0; from < page.length; from += PER_GET) {
      const some = page
        .slice(from, from + PER_GET)
        .filter(({ kind }) => !isClusterInformation({ plural: kind }));
      const known = await rows(context).findByTarget(some.map(({ key }) => key));
      const keys = new Set(known.map(({ key }) => key));
      const put = new Set(known.filter((row) => !isLeftOut(row)).map(({ key }) => key));
      for (const { key, leaving } of some)
        if (leaving !== undefined && put.has(key)) onLeaving?.(`${shownKey(key)}: ${leaving}`);
      yield* some.filter(({ key }) => !keys.has(key) && !(hidesNatives && key.startsWith(NATIVE)));
    }
  }
}

/** Keeps that a person is asked about it, and that it stays. */
export async function noteOnlyHere(context: Context, found: readonly OnlyHere[]): Promise<void> {
  await uncarried(context).put(found.map(row));
}

/** What has come since a person was asked about what is here alone; see `onlyHere`. */
export async function* cameSince(
  context: Context,
  onLeaving?: (what: string) => void,
): AsyncGenerator<OnlyHere> {
  const listed = new Set<string>();
  for await (const page of ledgerPages(uncarried(context), { states: ["pending"], limit: PER_PAGE }))
    for (const { key } of page) listed.add(key);
  const { resources, hidesNatives } = await decided(context);
  for await (const one of onlyHere(context, { resources, hidesNatives, onLeaving }))
    if (!listed.has(one.key)) yield one;
}

/**
 * Waits for a person where something has come that the backup has not, an object or an address: inside the lock it would be a
 * difference. Undefined once nothing has, or it may stay. Throws RESTORE_REFUSED for what is being deleted by now: inside the lock
 * nothing could be put in its place.
 */
export async function askWhatCame(context: Context): Promise<StageOutcome | undefined> {
  const leaving: string[] = [];
  const came = await Array.fromAsync(cameSince(context, (what) => leaving.push(what)));
  if (leaving.length > 0) throw beingDeleted(leaving);
  if (came.length === 0) return undefined;
  const keys = came.map(({ key }) => key);
  const more = keys.length > NAMED ? `; and ${keys.length - NAMED} more` : "";
  const message = `${keys.length} have come since it was looked at, are not in the backup, and stay: ${keys.slice(0, NAMED).map(shownKey).join("; ")}${more}. Delete what shall not be; or approve \`only-here\`, and it stays beside what is put back.`;
  const shown = shownThings(message, keys);
  if (!context.approved("only-here", shown)) return { wait: askFor("only-here", shown) };
  await noteOnlyHere(context, came);
  return undefined;
}

function beingDeleted(leaving: readonly string[]): MigratorError {
  const more = leaving.length > NAMED ? `; and ${leaving.length - NAMED} more` : "";
  return new MigratorError(
    "RESTORE_REFUSED",
    `nothing is locked, as nothing could be put in the place of ${leaving.slice(0, NAMED).join("; ")}${more}`,
    {
      next: "Let whoever has set its finalizers take them off, then `abort` this restore and start it again: it is compared anew then.",
    },
  );
}

function row({ key, kind }: OnlyHere): Checkpoint {
  const detail = { kind, subject: "only-here", reason: "is not in the backup" };
  return { rank: 0, key, state: "pending", target: shownKey(key), sourceRevision: 0, detail };
}
