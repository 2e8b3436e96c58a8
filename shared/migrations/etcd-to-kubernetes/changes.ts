import { CALICO_PREFIX, parseEtcdKey } from "../../calico/keys.ts";
import { forward } from "../../calico/forward.ts";
import type { Forwarded, ForwardContext } from "../../calico/forwarded.ts";
import { kindInfo, type Rank } from "../../calico/kinds.ts";
import { targetId } from "../../calico/target.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { EtcdChange } from "../../etcd/types.ts";
import { type Context, blockers, changes, decisions, uncarried } from "./context.ts";
import { addNodeNames, NODES_PREFIX } from "./node-names.ts";
import { consentSubject } from "./consent.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";

/** Codes of resources that could be carried if their namespace or node were there. */
export const HOMELESS: ReadonlySet<string> = new Set(["NAMESPACE_MISSING", "NODE_MISSING"]);

/** A change of the source: a new value, or the end of a key. */
export type SourceChange =
  | { type: "put"; key: string; value: Buffer; modRevision: number }
  | { type: "delete"; key: string; modRevision: number };

/** The rank of a key's resource; undefined for keys of which nothing is copied. */
export function rankOf(key: string): Rank | undefined {
  const parsed = parseEtcdKey(key);
  switch (parsed.type) {
    case "resource": {
      const info = kindInfo(parsed.kind);
      return info.carried === true && info.rank > 0 ? info.rank : undefined;
    }
    case "block":
    case "blockAffinity":
    case "handle":
    case "ipamConfig":
      return 3;
    case "derived":
    case "housekeeping":
    case "unknown":
      return undefined;
  }
}

/** True for changes that catching up has to look at. */
export function concerns(change: Pick<EtcdChange, "key">): boolean {
  return change.key.startsWith(CALICO_PREFIX) && change.key !== CLUSTER_INFORMATION_KEY && isData(change.key);
}

/**
 * True for what its owner makes again and again, whatever is locked: every node writes its CalicoNodeStatus on a ticker. It is
 * carried as it comes, and keeps nobody waiting.
 */
export function isMadeAgain(key: string): boolean {
  const parsed = parseEtcdKey(key);
  return parsed.type === "resource" && parsed.kind === "CalicoNodeStatus";
}

function isData(key: string): boolean {
  const { type } = parseEtcdKey(key);
  return type !== "derived" && type !== "housekeeping" && type !== "unknown";
}

/** What recording changes found. */
export interface RecordedChanges {
  /** How many have to be applied. */
  recorded: number;
  /** What cannot be carried, and was not to be left behind before. */
  uncarried: { key: string; reason: string }[];
  /** Keys whose last change is broken. */
  blocked: string[];
}

/**
 * Records changes, to be applied afterwards: the last one of each key. What cannot be carried goes to the ledger of
 * such things instead; what a person agreed before to leave behind stays behind.
 */
export async function recordChanges(
  context: Context,
  found: readonly SourceChange[],
  conversionFor: () => Promise<ForwardContext>,
): Promise<RecordedChanges> {
  const nodes = found.filter((change) => change.type === "put" && change.key.startsWith(NODES_PREFIX));
  if (nodes.length > 0)
    await addNodeNames(
      context,
      nodes.flatMap((node) => (node.type === "put" ? [node.value] : [])),
    );
  const conversion = await conversionFor();
  const last = new Map(found.map((change) => [change.key, change]));
  const rows: Checkpoint[] = [];
  const lost: Checkpoint[] = [];
  const broken: Checkpoint[] = [];
  const consented = await consentedLosses(context, [...last.keys()]);
  for (const change of last.values()) {
    const rank = rankOf(change.key) ?? 0;
    if (change.type === "put" && consented.get(change.key) === "homeless") continue;
    if (change.type === "delete") rows.push(deletion(change, rank));
    else sort(change, rank, forward(change.key, change.value, conversion), { rows, lost, broken });
  }
  await changes(context).put(rows);
  const late = lost.filter(({ key }) => !consented.has(key));
  await uncarried(context).put(late);
  await blockers(context).put(broken);
  const named = late.map(({ key, detail }) => ({ key, reason: textAt(detail, "reason") }));
  return { recorded: rows.length, uncarried: named, blocked: broken.map(({ key }) => key) };
}

/** Of these keys, those that the plan has named as left behind; `homeless` where the place they need is not there. */
async function consentedLosses(
  context: Context,
  keys: readonly string[],
): Promise<Map<string, "homeless" | "uncarriable">> {
  const { pinnedRevision } = await decisions(context);
  const known = await uncarried(context).get(keys.map((key) => ({ rank: rankOf(key) ?? 0, key })));
  // What found its namespace or its node meanwhile is left behind no more.
  const planned = known.filter(
    ({ state, detail }) => state === "pending" && detail["revision"] === pinnedRevision,
  );
  return new Map(
    planned.map(({ key, detail }) => [
      key,
      HOMELESS.has(textAt(detail, "code")) ? "homeless" : "uncarriable",
    ]),
  );
}

function sort(
  change: SourceChange,
  rank: number,
  forwarded: Forwarded,
  into: { rows: Checkpoint[]; lost: Checkpoint[]; broken: Checkpoint[] },
): void {
  const base = { rank, key: change.key, target: change.key, sourceRevision: change.modRevision };
  switch (forwarded.outcome) {
    case "carry":
      into.rows.push({
        ...base,
        state: "pending",
        detail: {
          type: "put",
          kind: forwarded.kind,
          target: targetId(forwarded.target),
          ...(forwarded.target.namespace === undefined ? {} : { namespace: forwarded.target.namespace }),
        },
      });
      return;
    case "uncarriable":
      into.lost.push({
        ...base,
        state: "pending",
        detail: {
          subject: consentSubject(forwarded.code),
          code: forwarded.code,
          reason: forwarded.reason,
          late: true,
        },
      });
      return;
    case "invalid":
      into.broken.push({
        ...base,
        state: "failed",
        detail: { code: forwarded.code, reason: forwarded.reason },
      });
      return;
    case "derived":
    case "housekeeping":
      return;
  }
}

function deletion(change: SourceChange, rank: number): Checkpoint {
  return {
    rank,
    key: change.key,
    state: "pending",
    target: change.key,
    sourceRevision: change.modRevision,
    detail: { type: "delete" },
  };
}
