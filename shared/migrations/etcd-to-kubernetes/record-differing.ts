import type { WaitRequest } from "../../engine/migration.ts";
import { type ComparedTo, compareWithSource } from "./compare-revisions.ts";
import type { Context } from "./context.ts";
import { Recording, type RecordingTraits } from "./recording.ts";
import { isMadeAgain } from "./source-changes.ts";

const NAMED = 5;

/** What differs in the source from what was copied, and is recorded as changes. */
export interface Differing {
  /** How many have to be applied. */
  found: number;
  /** Some of the keys that somebody has written: not what is made again and again by its owner. */
  named: string[];
  /** True where, once they are applied, more may have come. */
  again: boolean;
}

/**
 * Compares the revision of every key of etcd with the one that was copied, and records what differs. Only keys are read, and the
 * values of those that differ. Throws CATCH_UP_BLOCKED with all that is broken.
 *
 * @param revision - one that the source has reached: told as the revision of deletions
 */
export async function recordDiffering(
  context: Context,
  revision: number,
  traits: RecordingTraits = {},
): Promise<Differing | { wait: WaitRequest }> {
  const recording = new Recording(context, 0, traits);
  const named: string[] = [];
  let compared: ComparedTo | undefined;
  do {
    const page = await compareWithSource(context, revision, compared);
    await recording.record(page.changes);
    const counted = page.changes.filter(({ key }) => !isMadeAgain(key));
    named.push(...counted.slice(0, NAMED - named.length).map(({ key }) => key));
    compared = page.next;
  } while (compared !== undefined);
  const moved = await recording.recordHomes();
  const found = await recording.finish();
  if (typeof found !== "number") return found;
  return { found, named, again: named.length > 0 || moved > 0 };
}
