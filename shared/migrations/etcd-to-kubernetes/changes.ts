import { CALICO_PREFIX, parseEtcdKey } from "../../calico/keys.ts";
import { forward } from "../../calico/forward.ts";
import type { Forwarded, ForwardContext } from "../../calico/forwarded.ts";
import { kindInfo, type Rank } from "../../calico/kinds.ts";
import { targetId } from "../../calico/target.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { EtcdChange } from "../../etcd/types.ts";
import { type Context, blockers, changes, resources, uncarried } from "./context.ts";
import { addNodeNames, NODES_PREFIX } from "./node-names.ts";
import { consentSubject } from "./consent.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";

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

function isData(key: string): boolean {
  const { type } = parseEtcdKey(key);
  return type !== "derived" && type !== "housekeeping" && type !== "unknown";
}

/**
 * Records changes, to be applied afterwards: the last one of each key. What cannot be carried goes to the ledger of
 * such things instead.
 *
 * @returns how many changes have to be applied, and how many cannot be.
 */
export async function recordChanges(
  context: Context,
  found: readonly SourceChange[],
  conversionFor: () => Promise<ForwardContext>,
): Promise<{ recorded: number; uncarried: number; blocked: number }> {
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
  for (const change of last.values()) {
    const rank = rankOf(change.key) ?? 0;
    if (change.type === "delete") rows.push(deletion(change, rank));
    else sort(change, rank, forward(change.key, change.value, conversion), { rows, lost, broken });
  }
  await changes(context).put(rows);
  const known = await uncarried(context).get(lost);
  const accepted = new Set(known.filter(({ detail }) => detail["late"] !== true).map(({ key }) => key));
  await uncarried(context).put(lost.filter(({ key }) => !accepted.has(key)));
  const collisions = await collidingTargets(context, rows);
  await blockers(context).put([...broken, ...collisions]);
  return {
    recorded: rows.length,
    uncarried: lost.length - accepted.size,
    blocked: broken.length + collisions.length,
  };
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

/** New resources whose target another resource has already: it must not be overwritten. */
async function collidingTargets(context: Context, rows: readonly Checkpoint[]): Promise<Checkpoint[]> {
  const puts = rows.filter(({ detail }) => detail["type"] === "put");
  const existing = await resources(context).findByTarget(puts.map(({ detail }) => textAt(detail, "target")));
  const gone = new Set(rows.filter(({ detail }) => detail["type"] === "delete").map(({ key }) => key));
  const owner = new Map(existing.filter(({ key }) => !gone.has(key)).map((one) => [one.target, one]));
  return puts.flatMap((row) => {
    const other = owner.get(textAt(row.detail, "target"));
    if (other === undefined || other.key === row.key || other.detail["gone"] === true) return [];
    const reason = `it would become ${other.target}, which ${other.key} already is`;
    return [{ ...row, state: "failed" as const, detail: { code: "NAME_COLLISION", reason } }];
  });
}
