import { forward } from "../../calico/forward.ts";
import type { Forwarded } from "../../calico/forwarded.ts";
import { targetId } from "../../calico/target.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { type Context, blockers, changes, decisions, resources, uncarried } from "./context.ts";
import { changedNodeNames, NODES_PREFIX } from "./node-names.ts";
import { consentSubject } from "./consent.ts";
import { conversionBy } from "./decisions.ts";
import { HOMELESS, homelessness, homeOf, type Homes } from "./homes.ts";
import { changesNaming } from "./renamed-nodes.ts";
import { rankOf, type SourceChange } from "./source-changes.ts";

/** What recording changes found. */
export interface RecordedChanges {
  /** How many have to be applied. */
  recorded: number;
  /** Rows of what cannot be carried, or not all of it, and was not to be left behind before. */
  uncarried: Checkpoint[];
  /** Keys whose last change is broken. */
  blocked: string[];
}

/** What changes are judged by. */
export interface Judging {
  homes(): Promise<Homes>;
  /** Before the lock, what cannot be carried is asked for there, as if preflight had found it. */
  beforeLock?: boolean;
}

/**
 * Records changes, to be applied afterwards: the last one of each key. What cannot be carried goes to the ledger of
 * such things instead, and what was copied of it before is recorded to be taken away; what a person agreed before to leave
 * behind stays behind. Where a node has got another Kubernetes name, so has everything that names it.
 */
export async function recordChanges(
  context: Context,
  found: readonly SourceChange[],
  judging: Judging,
): Promise<RecordedChanges> {
  const decided = await decisions(context);
  const { pinnedRevision } = decided;
  const mapping = await changedNodeNames(context, found.flatMap(nodeValue));
  const convert = conversionBy(decided, mapping.names);
  const homes = await judging.homes();
  const named = await changesNaming(context, mapping.renamed);
  const last = new Map([...named, ...found].map((change) => [change.key, change]));
  const into: Sorted = { rows: [], lost: [], broken: [] };
  for (const change of last.values()) {
    if (change.type === "delete") into.rows.push(deletion(change));
    else sort(change, forward(change.key, change.value, convert), homes, into);
  }
  const known = await uncarried(context).get([...last.keys()].map(idOf));
  const late = into.lost.filter((row) => !isAgreed(row, known, pinnedRevision));
  const copies = await copiesOf(context, into);
  await changes(context).put([
    ...into.rows,
    ...copies.map(({ key, sourceRevision }) => deletion({ key, modRevision: sourceRevision })),
  ]);
  const rows = late.map((row): Checkpoint => {
    const told = judging.beforeLock === true ? { revision: pinnedRevision } : { late: true };
    const taken = copies.some(({ key }) => key === row.key) ? { copyRemoved: true } : {};
    return { ...row, detail: { ...row.detail, ...told, ...taken } };
  });
  const lost = new Set(into.lost.map(({ key }) => key));
  const over = known.filter(({ key, state }) => state === "pending" && !lost.has(key));
  await uncarried(context).put([...rows, ...over.map((row) => ({ ...row, state: "applied" as const }))]);
  await blockers(context).put(into.broken);
  await mapping.save();
  return {
    recorded: into.rows.length + copies.length,
    uncarried: rows,
    blocked: into.broken.map(({ key }) => key),
  };
}

function nodeValue(change: SourceChange): Buffer[] {
  return change.type === "put" && change.key.startsWith(NODES_PREFIX) ? [change.value] : [];
}

/** True for what the plan has named, or a person has agreed to since, for the same reason. */
function isAgreed(lost: Checkpoint, known: readonly Checkpoint[], pinnedRevision: number): boolean {
  const row = known.find(({ key, state }) => key === lost.key && state === "pending");
  if (row === undefined) return false;
  const { code, reason, revision, agreed } = row.detail;
  const isAsked = revision === pinnedRevision || agreed === true;
  return isAsked && code === lost.detail["code"] && (isHomeless(lost) || reason === lost.detail["reason"]);
}

function isHomeless({ detail }: Checkpoint): boolean {
  return HOMELESS.has(textAt(detail, "code"));
}

/** What was copied of resources that can no longer be carried: it would outlive what it was copied from. */
async function copiesOf(context: Context, { lost, rows }: Sorted): Promise<Checkpoint[]> {
  const carried = new Set(rows.map(({ key }) => key));
  const ids = lost.filter(({ key }) => !carried.has(key));
  const revisions = new Map(ids.map(({ key, sourceRevision }) => [key, sourceRevision]));
  const found = ids.length === 0 ? [] : await resources(context).get(ids);
  return found
    .filter(({ state }) => state !== "reverted")
    .map((row) => ({ ...row, sourceRevision: revisions.get(row.key) ?? row.sourceRevision }));
}

/** The changes of a chunk by what becomes of them; what is carried in part is in two. */
interface Sorted {
  rows: Checkpoint[];
  lost: Checkpoint[];
  broken: Checkpoint[];
}

function sort(
  change: Extract<SourceChange, { type: "put" }>,
  forwarded: Forwarded,
  homes: Homes,
  into: Sorted,
): void {
  const base = { ...idOf(change.key), target: change.key, sourceRevision: change.modRevision };
  const lose = (code: string, reason: string): void => {
    const detail = { subject: consentSubject(code), code, reason };
    into.lost.push({ ...base, state: "pending", detail });
  };
  switch (forwarded.outcome) {
    case "carry": {
      const { kind, target, losses = [] } = forwarded;
      const why = homelessness(homeOf(kind, target), ({ plural, name }) => homes[plural].has(name));
      if (why !== undefined) {
        lose(why.code, why.reason);
        return;
      }
      if (losses.length > 0) lose("PARTLY_LOST", losses.join("; "));
      const namespaced = target.namespace === undefined ? {} : { namespace: target.namespace };
      const detail = { type: "put", kind, target: targetId(target), ...namespaced };
      into.rows.push({ ...base, state: "pending", detail });
      return;
    }
    case "uncarriable":
      lose(forwarded.code, forwarded.reason);
      return;
    case "invalid": {
      const { code, reason } = forwarded;
      into.broken.push({ ...base, state: "failed", detail: { code, reason } });
      return;
    }
    case "derived":
    case "housekeeping":
      return;
  }
}

function idOf(key: string): { rank: number; key: string } {
  return { rank: rankOf(key) ?? 0, key };
}

function deletion(change: { key: string; modRevision: number }): Checkpoint {
  const { key, modRevision } = change;
  return {
    ...idOf(key),
    state: "pending",
    target: key,
    sourceRevision: modRevision,
    detail: { type: "delete" },
  };
}
