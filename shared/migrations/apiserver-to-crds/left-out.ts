import { hash } from "node:crypto";
import type { NativeKind } from "../../calico/native/native-kinds.ts";
import { convertUid } from "../../calico/uid.ts";
import { type Shown, Tally } from "../../engine/approvals.ts";
import type { LeaveOutRule } from "../../engine/leave-out.ts";
import { type Ledger, ledgerPages } from "../../engine/ledger.ts";
import type { ApprovalRule } from "../../engine/migration.ts";
import type { Checkpoint, CheckpointId } from "../../engine/records.ts";
import { canonicalJson, type JsonObject } from "../../json.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import type { ClusterConnections } from "../connections.ts";
import { isLeftOut, LEFT_OUT } from "../copying/ledger-detail.ts";
import { inTurn, orAbsent, readTarget } from "../target/calls.ts";
import { isLeaving, leavingText } from "../target/leaving.ts";
import { removeTarget } from "../target/remove.ts";
import { type Context, nativeVersion, resources } from "./context.ts";
import { isLeavingLoss, LEFT_OUT_REASON, lossOf, UNCARRIED } from "./losses.ts";
import { namesakesOf } from "./namesakes.ts";
import { nativeRefOf } from "./native-ref.ts";
import { keyOf, revisionOf } from "./native-task.ts";
import { keyOfName } from "./object-names.ts";
import type { ApiserverToCrdsOptions } from "./options.ts";
import { isProtectedTier } from "./protected-tier.ts";
import { shownVersion } from "./shown-version.ts";
import { v1Ref } from "./v1-ref.ts";

/** The stage that starts only when a person has approved what is left out. */
const ASKED_BEFORE = "follow";
/** Advice on how to go on without an object that cannot be mended. It stands after the advice to mend it. */
const WITHOUT_IT =
  " What cannot be mended is left out: `resume` with --skip KIND/NAMESPACE/NAME, by its stored name.";
/** The same advice once a person has approved what is left out. */
const WITHOUT_IT_LATE =
  " What cannot be mended is left out by another run: `rollback`, then `start` with --skip.";
const UNSEEN =
  "; native objects of these names cannot be seen yet: one that is found is asked about, or stops the run before the switch";
const PAGE = 1000;
const NAMED = 5;

/** The objects that are left out, by the ids of their v1 objects. */
export function uncarried(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("uncarried");
}

/** The advice on how to go on without an object that cannot be mended, by how far the run has come. */
export async function withoutIt(context: Pick<Context, "stageOf">): Promise<string> {
  return (await context.stageOf(ASKED_BEFORE)) === undefined ? WITHOUT_IT : WITHOUT_IT_LATE;
}

/** The keys of the v1 objects that a run leaves out, by its options or since it began. */
export function leftOutKeys({ options, leftOut }: LeavingOut): ReadonlySet<string> {
  return keysOfNames([...options.skip, ...leftOut]);
}

/** The keys of the v1 objects of these names. */
export function keysOfNames(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map(keyOfName).filter((key) => key !== undefined));
}

type LeavingOut = Pick<Context, "leftOut"> & { options: Pick<ApiserverToCrdsOptions, "skip"> };

/** What people leave out of a run that has begun. */
export const leaveOutRule: LeaveOutRule<ClusterConnections> = {
  before: ASKED_BEFORE,
  example: "NetworkSet/shop/partners or Tier/security",
  isName: (object) => keyOfName(object) !== undefined,
  missing: async ({ kubernetes, limiter }, objects, signal) => {
    const found = objects.map(async (object) => {
      const { ref } = v1Ref(keyOfName(object) ?? "");
      return orAbsent(inTurn(limiter, () => kubernetes.get(ref, { signal }), signal));
    });
    const there = await Promise.all(found);
    return objects.filter((_, index) => there[index] === undefined);
  },
};

/**
 * Leaves out what was to be left out only once it may have been copied already: its copy is taken away again. To be called before
 * anything is compared or brought up to date.
 */
export async function takeOut(context: Context): Promise<void> {
  const ids = idsOf(keysOfNames(context.leftOut));
  const known = new Map((await resources(context).get(ids)).map((row) => [row.key, row]));
  for (const { key } of ids) {
    const row = known.get(key);
    if (row !== undefined && isLeftOut(row)) continue;
    const { kind, ref } = v1Ref(key);
    const v1 = await readTarget(context, ref);
    if (v1 !== undefined) await resources(context).put(await leaveOut(context, kind, [v1]));
  }
}

/** As ledgers list them. */
function idsOf(keys: Iterable<string>): CheckpointId[] {
  const ids = [...keys].map((key) => ({ rank: v1Ref(key).kind.rank, key }));
  return ids.sort((a, b) => a.rank - b.rank || (a.key < b.key ? -1 : 1));
}

/**
 * Takes away what this run has copied of these v1 objects, and records them as left out, for a person to approve as they are now.
 *
 * @returns their checkpoints, which nothing is copied by.
 */
export async function leaveOut(
  context: Context,
  kind: NativeKind,
  objects: readonly JsonObject[],
): Promise<Checkpoint[]> {
  if (objects.length === 0) return [];
  const look = { version: await nativeVersion(context), out: leftOutKeys(context) };
  const rows = await resources(context).get(objects.map((v1) => ({ rank: kind.rank, key: keyOf(kind, v1) })));
  await Promise.all(rows.map((row) => removeCopy(context, look.version, row)));
  const losses = objects.map(async (v1) => lossOf(kind, v1, await namesakesOf(context, look, kind, v1)));
  await uncarried(context).put(await Promise.all(losses));
  return objects.map((v1) => leftOutRow(kind, v1));
}

async function removeCopy(context: Context, version: string, row: Checkpoint): Promise<void> {
  // Of two v1 objects that collide, the one whose target is its own key has no native object: that belongs to the
  // other.
  if (row.state === "reverted" || row.target === row.key) return;
  try {
    await removeTarget(context, row, nativeRefOf(row, version));
  } catch (error) {
    // As it stays, it is told as a namesake.
    if (!isProtectedTier(row, error)) throw error;
  }
}

/** The keys of what is left out; options name a bounded number. */
export async function lossNames(context: Pick<Context, "ledger">): Promise<string[]> {
  const rows = await uncarried(context).list({ states: ["pending"], limit: PAGE });
  return rows.map(({ key }) => key);
}

/** What is gone from the old group is no loss any more. */
export async function forgetLosses(
  context: Pick<Context, "ledger">,
  { rank }: Pick<NativeKind, "rank">,
  keys: readonly string[],
): Promise<void> {
  const known = await uncarried(context).get(keys.map((key) => ({ rank, key })));
  await uncarried(context).put(known.map((row) => ({ ...row, state: "reverted" as const })));
}

/** The target is the row's own key: the native object of that name may belong to another v1 object. */
function leftOutRow(kind: NativeKind, v1: JsonObject): Checkpoint {
  const key = keyOf(kind, v1);
  const namespace = textAt(v1, "metadata", "namespace");
  const uid = textAt(v1, "metadata", "uid");
  return {
    ...{ rank: kind.rank, key, target: key, state: "reverted", sourceRevision: revisionOf(v1) },
    detail: {
      ...{ kind: kind.kind, name: textAt(v1, "metadata", "name"), uid: convertUid(uid) ?? uid },
      ...(namespace === "" ? {} : { namespace }),
      ...{ code: LEFT_OUT, reason: LEFT_OUT_REASON, resolved: "skip" },
    },
  };
}

/** Nothing is left behind unless a person has seen what. */
export const lossesApproved: ApprovalRule<ClusterConnections, ApiserverToCrdsOptions> = {
  subject: UNCARRIED,
  needed: lossesToApprove,
};

/**
 * The native objects that have the name of one that is left out, by their ids, as far as they may act: all of them before a person
 * is asked; from then on those that were approved, as they are now, together with all that is left out. None where anything has
 * changed since.
 */
export async function knownNamesakes(context: Context): Promise<ReadonlySet<string>> {
  const { shown, namesakes } = await look(context);
  const isAsked = (await context.stageOf(ASKED_BEFORE)) !== undefined;
  return new Set(shown !== undefined && (!isAsked || context.approved(UNCARRIED, shown)) ? namesakes : []);
}

async function lossesToApprove(context: Context): Promise<Shown | undefined> {
  return (await look(context)).shown;
}

/** As the objects of both groups are now: what is gone is no loss, and what has changed is another one. */
async function look(context: Context): Promise<{ shown: Shown | undefined; namesakes: string[] }> {
  const out = leftOutKeys(context);
  const tally = new Tally();
  const [named, namesakes]: [string[], string[]] = [[], []];
  const version = out.size === 0 ? undefined : await shownVersion(context);
  for (const { key } of idsOf(out)) {
    const { kind, ref } = v1Ref(key);
    const v1 = await readTarget(context, ref);
    if (v1 === undefined) continue;
    const acting = version === undefined ? [] : await namesakesOf(context, { version, out }, kind, v1);
    tally.add([key, contentOf(v1), ...acting.map(({ id, meaning }) => [id, meaning])]);
    named.push(key);
    namesakes.push(...acting.map(({ id }) => id));
  }
  const leaving = await lookAtLeaving(context, out, tally);
  if (tally.count === 0) return { shown: undefined, namesakes };
  const told = [leftOutText(named, version === undefined ? undefined : namesakes), leavingLosses(leaving)];
  return { shown: tally.shown(told.filter((text) => text !== "").join("; ")), namesakes };
}

/** What was met while it was being deleted, and still is. */
async function lookAtLeaving(context: Context, out: ReadonlySet<string>, tally: Tally): Promise<string[]> {
  const leaving: string[] = [];
  for await (const page of ledgerPages(uncarried(context), { states: ["pending"], limit: PAGE }))
    for (const row of page.filter((one) => isLeavingLoss(one) && !out.has(one.key))) {
      const v1 = await readTarget(context, v1Ref(row.key).ref);
      if (v1 === undefined || !isLeaving(v1)) continue;
      tally.add([row.key, textAt(v1, "metadata", "uid")]);
      leaving.push(`${row.key} (${leavingText(v1)})`);
    }
  return leaving;
}

function leftOutText(named: readonly string[], namesakes: readonly string[] | undefined): string {
  if (named.length === 0) return "";
  const loss = `${named.length} objects are left out, stay in the old group and go with it at the cleanup: ${firstOf(named)}`;
  if (namesakes === undefined) return loss + UNSEEN;
  if (namesakes.length === 0) return loss;
  return `${loss}; ${namesakes.length} native objects have these names, stay as they are, and act after the unlock: ${firstOf(namesakes)}`;
}

function leavingLosses(named: readonly string[]): string {
  if (named.length === 0) return "";
  return `${named.length} objects of the old group are being deleted: they are not copied, mean nothing after the unlock, and hold up the cleanup until their finalizers are off: ${firstOf(named)}`;
}

function firstOf(names: readonly string[]): string {
  const more = names.length > NAMED ? `; and ${names.length - NAMED} more, which \`describe\` lists` : "";
  return names.slice(0, NAMED).join("; ") + more;
}

/** A hash of what the object means, and of its labels and annotations: no other write changes it. */
function contentOf(v1: JsonObject): string {
  const { labels = {}, annotations = {} } = objectAt(v1, "metadata");
  return hash("sha256", canonicalJson([labels, annotations, v1["spec"] ?? null]), "hex");
}
