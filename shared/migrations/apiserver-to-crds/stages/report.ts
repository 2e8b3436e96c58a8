import type { Checkpoint } from "../../../engine/records.ts";
import { isJsonObject, type Json } from "../../../json.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { iso, LISTED, listed, lockTotals, readResources, reportStage, verification } from "../../report.ts";
import { type Context, findings, foreignOwners, isPrecopied, resources } from "../context.ts";
import { uncarried } from "../left-out.ts";
import { nativeDetailOf } from "../native-detail.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { owned } from "../owned.ts";
import { ownerDetail } from "../owner-rows.ts";

/** Writes down what moved and how, what was left out, how long both groups were locked, and what stayed undone. */
export const report = reportStage<ApiserverToCrdsOptions, Awaited<ReturnType<typeof compose>>>({
  compose,
  notes: ({ moved, lock, changes, uncarried, owners }) => ({
    byKind: moved.byKind,
    total: moved.total,
    ...(lock.windowMs === undefined ? {} : { windowMs: lock.windowMs }),
    changed: changes.count,
    leftOut: uncarried.length,
    ownersOff: owners.native.length + owners.others.length,
  }),
});

async function compose(context: Context) {
  const changes = { count: 0, first: [] as object[] };
  const { moved, conflicts } = await readResources(resources(context), (row) => {
    const { changes: clauses } = nativeDetailOf(row);
    if (clauses !== undefined) changes.count++;
    if (clauses !== undefined && changes.first.length < LISTED)
      changes.first.push({ target: row.target, changes: clauses });
  });
  const { installer, calico } = await findings(context);
  const decided = conflicts.filter(({ use }) => use === "skip");
  return {
    installer,
    calico,
    precopied: await isPrecopied(context),
    moved,
    lock: await lockTimes(context),
    verification: await verification(context),
    changes,
    conflicts,
    uncarried: [
      ...(await listed(uncarried(context), lossEntry, ["pending"])),
      ...decided.map(({ target, by }) => ({
        key: target,
        reason: `left out by ${by ?? "?"}; the native object of this name stays as it was, and acts`,
      })),
    ],
    owners: await ownersLeftOff(context),
    gitops: await gitOps(context),
    next: nextSteps(installer),
  };
}

function lossEntry({ key, detail }: Checkpoint): { key: string; reason: string } {
  return { key, reason: textAt(detail, "reason") };
}

/** Absent where the run did not come that far. Durations in milliseconds. */
interface LockTimes {
  lockedAt?: string;
  unlockedAt?: string;
  windowMs?: number;
  rolloutMs?: number;
  /** How long pods waited in all, of that for a person, and for the rollout. */
  lockedMs?: number;
  forPersonMs?: number;
  forRolloutMs?: number;
}

/** Both groups are locked from `lockedAt` on; Calico writes again at `unlockedAt`, and the rollout stands apart. */
async function lockTimes(context: Context): Promise<LockTimes> {
  const { lockedAt } = await context.notesOf("lock");
  const { unlockedAt } = await context.notesOf("unlock");
  const rollout = await context.stageOf("rollout");
  if (typeof lockedAt !== "number" || typeof unlockedAt !== "number") return {};
  const window = { lockedAt: iso(lockedAt), unlockedAt: iso(unlockedAt), windowMs: unlockedAt - lockedAt };
  // The rollout comes after the unlock.
  const times = { ...window, ...lockTotals(context), forRolloutMs: 0 };
  return rollout?.finishedAt === undefined ? times : { ...times, rolloutMs: rollout.finishedAt - unlockedAt };
}

interface OwnersLeftOff {
  native: Json[];
  others: Json[];
  /** What could not be searched for references. */
  unread: Json;
  /** True where references of objects that are not Calico's were left as they are. */
  skipped: boolean;
}

/** References whose owner is no native object: of native objects, and of what is not Calico's. */
async function ownersLeftOff(context: Context): Promise<OwnersLeftOff> {
  const { unread = [] } = await context.notesOf("release-owners");
  const native = await listed(owned(context), ({ detail }): Json => detail, ["failed"]);
  const others = await listed(
    foreignOwners(context),
    (row): Json => {
      const { apiVersion, plural, namespace = null, name } = ownerDetail(row);
      return { apiVersion, plural, namespace, name, missing: row.detail["missing"] ?? [] };
    },
    ["verified"],
  );
  return {
    native,
    others: others.filter(isWithout),
    unread,
    skipped: context.options.skipForeignOwnerReferences,
  };
}

function isWithout(entry: Json): boolean {
  if (!isJsonObject(entry)) return false;
  const { missing } = entry;
  return Array.isArray(missing) && missing.length > 0;
}

async function gitOps(context: Context): Promise<object> {
  const { managers = [], elsewhere = [] } = await context.notesOf("pause-gitops");
  const { outcomes = [] } = await context.notesOf("resume-gitops");
  return { mode: context.options.gitops, paused: managers, elsewhere, resumed: outcomes };
}

function nextSteps(installer: string): string[] {
  const back =
    "Apply no manifest that still has CRDs of crd.projectcalico.org: with these served and CALICO_API_GROUP unset, Calico takes the empty old group for its own.";
  const source =
    "Bring your source of manifests (Git, a Helm chart, an inventory) to native CRDs, without the API server, before it is applied again.";
  return installer === "operator" ? [back] : [back, source];
}
