import { hash } from "node:crypto";
import type { NativeKind } from "../../calico/native/native-kinds.ts";
import { convertUid } from "../../calico/uid.ts";
import { type Shown, Tally } from "../../engine/approvals.ts";
import { type Ledger, ledgerPages } from "../../engine/ledger.ts";
import type { ApprovalRule } from "../../engine/migration.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { canonicalJson, type JsonObject } from "../../json.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import type { ClusterConnections } from "../connections.ts";
import { LEFT_OUT } from "../copying/ledger-detail.ts";
import { readTarget } from "../target/calls.ts";
import type { Context } from "./context.ts";
import { keyOf, revisionOf } from "./native-task.ts";
import { keyOfName } from "./object-names.ts";
import type { ApiserverToCrdsOptions } from "./options.ts";
import { v1Ref } from "./v1-ref.ts";

/** The subject that a person approves to leave behind what the options leave out. */
const SUBJECT = "uncarried";
/** The way without an object that cannot be mended, as it follows the advice to mend it. */
export const WITHOUT_IT =
  " What cannot be mended is left out by another run: `rollback`, then `start` with --skip.";
const REASON = "left out by the option skip: it stays in the old group, and goes with it at the cleanup";
const PAGE = 1000;
const NAMED = 5;

/** The objects that are left out, by the ids of their v1 objects. */
export function uncarried(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("uncarried");
}

/** The keys of the v1 objects that a run leaves out. */
export function leftOutKeys({ skip }: Pick<ApiserverToCrdsOptions, "skip">): ReadonlySet<string> {
  return new Set(skip.map(keyOfName).filter((key) => key !== undefined));
}

/**
 * Records these v1 objects as left out, for a person to approve as they are now.
 *
 * @returns their checkpoints, which nothing is copied by.
 */
export async function leaveOut(
  context: Pick<Context, "ledger">,
  kind: NativeKind,
  objects: readonly JsonObject[],
): Promise<Checkpoint[]> {
  await uncarried(context).put(objects.map((v1) => lossOf(kind, v1)));
  return objects.map((v1) => leftOutRow(kind, v1));
}

/** The loss of a v1 object, as it is told by name. */
export function lossOf(kind: NativeKind, v1: JsonObject): Checkpoint {
  const key = keyOf(kind, v1);
  return {
    ...{ rank: kind.rank, key, target: key, state: "pending", sourceRevision: revisionOf(v1) },
    detail: { kind: kind.kind, subject: SUBJECT, code: LEFT_OUT, reason: REASON },
  };
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

/** Its own key as its target: the native object of that name may be another's. */
function leftOutRow(kind: NativeKind, v1: JsonObject): Checkpoint {
  const key = keyOf(kind, v1);
  const namespace = textAt(v1, "metadata", "namespace");
  const uid = textAt(v1, "metadata", "uid");
  return {
    ...{ rank: kind.rank, key, target: key, state: "reverted", sourceRevision: revisionOf(v1) },
    detail: {
      ...{ kind: kind.kind, name: textAt(v1, "metadata", "name"), uid: convertUid(uid) ?? uid },
      ...(namespace === "" ? {} : { namespace }),
      ...{ code: LEFT_OUT, reason: REASON, resolved: "skip" },
    },
  };
}

/** Nothing is left behind unless a person has seen what. */
export const lossesApproved: ApprovalRule<ClusterConnections, ApiserverToCrdsOptions> = {
  subject: SUBJECT,
  needed: lossesToApprove,
};

/** As the objects are now: what is gone is no loss, and what has changed is another one. */
async function lossesToApprove(context: Context): Promise<Shown | undefined> {
  const tally = new Tally();
  const named: string[] = [];
  for await (const page of ledgerPages(uncarried(context), { states: ["pending"], limit: PAGE }))
    for (const { key } of page) {
      const v1 = await readTarget(context, v1Ref(key).ref);
      if (v1 === undefined) continue;
      tally.add([key, contentOf(v1)]);
      if (named.length < NAMED) named.push(key);
    }
  const { count } = tally;
  if (count === 0) return undefined;
  const more = count > NAMED ? `; and ${count - NAMED} more, which \`describe\` lists` : "";
  return tally.shown(
    `${count} objects are left out, stay in the old group and go with it at the cleanup: ${named.join("; ")}${more}`,
  );
}

/** Whatever else is written to it: what it means, and what people have put on it. */
function contentOf(v1: JsonObject): string {
  const { labels = {}, annotations = {} } = objectAt(v1, "metadata");
  return hash("sha256", canonicalJson([labels, annotations, v1["spec"] ?? null]), "hex");
}
