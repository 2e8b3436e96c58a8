import { kindInfo, targetKind } from "../../../calico/kinds.ts";
import type { TargetRef } from "../../../calico/target.ts";
import { askFor } from "../../../engine/approvals.ts";
import type { WaitRequest } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { compareVersions } from "../../../kubernetes/resource-versions.ts";
import { verifyFailed } from "../../copying/verify-kinds.ts";
import { reads } from "../../target/reads.ts";
import { backConversion, type Context, conversion } from "../context.ts";
import { isMissing } from "../missing-kinds.ts";
import { type SeenList, seenListOf } from "../seen-lists.ts";
import { objectTargetId } from "../target-refs.ts";
import { BY_OTHERS, note, shownOfOthers } from "../written-by-others.ts";
import { type Judged, judgePairs, judgeStrangers } from "./judging.ts";
import { VERIFIED } from "./verify.ts";
import { Comparing, type Conversions, type Judge } from "./verify-kind.ts";

/** How many objects are read one by one; of more the whole list is cheaper. */
const FEW = 500;
const NAMED = 5;
const BEFORE_SWITCH = { sourceChanged: "later", writtenByOthers: "difference" } as const;
const AFTER_SWITCH = { sourceChanged: "later", writtenByOthers: "noted" } as const;
type Traits = typeof BEFORE_SWITCH | typeof AFTER_SWITCH;
/** Kubernetes' own, which it writes to all the time: of these whoever looks at homes knows what is missing. */
const LOOKED_AT = VERIFIED.filter((kind) => kind !== "Node");

/**
 * Looks at the target again right before the lock, as days may have passed since `verify-copy`, and right before the switch where a
 * run was held inside the lock: what would be found after the switch is found while Calico does not act on it. Throws VERIFY_FAILED
 * for what is missing, changed or strange.
 */
export async function refuseDifferences(context: Context): Promise<void> {
  await lookAgain(context, BEFORE_SWITCH);
}

/**
 * Looks at the target again, as days may have passed since `verify-all`, and asks about whatever others have written until now:
 * what nobody has been shown yet is asked for anew. Throws VERIFY_FAILED for what is missing.
 */
export async function askAboutOthers(context: Context): Promise<{ wait: WaitRequest } | undefined> {
  await lookAgain(context, AFTER_SWITCH);
  const shown = await shownOfOthers(context);
  if (shown === undefined || context.approved(BY_OTHERS, shown)) return undefined;
  return { wait: askFor(BY_OTHERS, shown) };
}

/**
 * Judges as the last verification did, and reads no more than it has to: the metadata of every object, a page at a time, and of
 * what has come or changed since that verification has listed it, or is gone, everything.
 */
async function lookAgain(context: Context, traits: Traits): Promise<void> {
  const both = { there: await conversion(context), back: await backConversion(context) };
  const differing: Checkpoint[] = [];
  let count = 0;
  for (const kind of LOOKED_AT) {
    if (await isMissing(context, kind)) continue;
    await lookAtKind(context, { traits, convert: both }, kind, async (judged) => {
      await note(context, judged.noted);
      count += judged.different.length;
      differing.push(...judged.different.slice(0, NAMED - differing.length));
    });
  }
  const more = count > NAMED ? `; and ${count - NAMED} more` : "";
  if (count > 0) throw verifyFailed(context.run, { differing, more });
}

async function lookAtKind(
  context: Context,
  { traits, convert }: { traits: Traits; convert: Conversions },
  kind: string,
  keep: (judged: Judged) => Promise<void>,
): Promise<void> {
  const judge: Judge = {
    pairs: async (pairs) => keep(await judgePairs(traits, context, convert.there, pairs)),
    strangers: async (objects) => keep(await judgeStrangers(traits, context, kind, objects)),
  };
  const comparing = new Comparing(context, convert, kind, judge);
  const seen = await seenListOf(context, kind);
  if (seen === undefined) return comparing.whole();
  const { present, changed } = await listSince(context, convert, kind, seen);
  if (changed.length > FEW) return comparing.whole();
  await comparing.some(changed);
  // Each of those that were seen is there as it was, has changed, or is gone.
  if (present.size - changed.length !== seen.objects) await comparing.missing(present);
}

/** What there is now of a kind, and what of it was written since its list was seen. */
async function listSince(
  context: Context,
  { there }: Conversions,
  kind: string,
  { version }: SeenList,
): Promise<{ present: ReadonlySet<string>; changed: TargetRef[] }> {
  const ref = targetKind(kindInfo(kind), there.targetGroup);
  // By id, as a walk whose snapshot has expired begins again.
  const present = new Set<string>();
  const changed = new Map<string, TargetRef>();
  const options = { metadataOnly: true, signal: context.signal };
  for await (const page of reads(context).pages(ref, options)) {
    for (const object of page) {
      const id = objectTargetId(ref, object);
      const [name, namespace] = [textAt(object, "metadata", "name"), textAt(object, "metadata", "namespace")];
      present.add(id);
      if (compareVersions(textAt(object, "metadata", "resourceVersion"), version) > 0)
        changed.set(id, namespace === "" ? { ...ref, name } : { ...ref, name, namespace });
    }
  }
  return { present, changed: [...changed.values()] };
}
