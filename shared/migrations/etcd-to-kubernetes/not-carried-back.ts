import { kindInfo } from "../../calico/kinds.ts";
import { meaningHash } from "../../calico/meaning.ts";
import { sourceHash } from "../../calico/stored-value.ts";
import { Tally } from "../../engine/approvals.ts";
import { type Ledger, ledgerPages } from "../../engine/ledger.ts";
import type { ApprovalRule } from "../../engine/migration.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ClusterConnections } from "../connections.ts";
import { detailOf } from "../copying/ledger-detail.ts";
import { readTarget } from "../target/calls.ts";
import { type Context, decisions } from "./context.ts";
import type { EtcdToKubernetesOptions } from "./options.ts";
import { refOf } from "./target-refs.ts";
import { isSharedEtcd } from "./undo/shared-etcd.ts";

const SUBJECT = "not-carried-back";
const PENDING = ["pending"] as const;
const PAGE = 1000;
const NAMED = 10;

/** What the late way back cannot take to etcd, by its target's id, with the reason. */
function losses(context: Pick<Context, "ledger">): Ledger {
  return context.ledger(SUBJECT);
}

/** The row of an object, or of a pod's endpoint, that cannot be carried back; `source` is the key that etcd keeps instead. */
export function lossRow(
  kind: string,
  target: string,
  object: JsonObject,
  why: { reason: string; source?: string | undefined },
): Checkpoint {
  const namespace = textAt(object, "metadata", "namespace");
  const { reason, source } = why;
  const place = namespace === "" ? { kind } : { kind, namespace };
  const detail = { ...place, reason, ...(source === undefined ? {} : { source }) };
  return { rank: kindInfo(kind).rank, key: target, state: "pending", target, sourceRevision: 0, detail };
}

/** Before everything is judged again: what was put right meanwhile is not asked for. */
export async function forgetLosses(context: Context): Promise<void> {
  for await (const page of ledgerPages(losses(context), { states: PENDING, limit: PAGE }))
    await losses(context).put(page.map((row) => ({ ...row, state: "reverted" })));
}

/** Records what cannot be carried back, to be approved before the run goes on. */
export async function recordLosses(context: Context, rows: readonly Checkpoint[]): Promise<void> {
  await losses(context).put(rows);
}

/** The targets of these that are recorded as not carried back: the run does not get past the approval of them. */
export async function agreedLosses(
  context: Context,
  targets: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await losses(context).findByTarget(targets);
  return new Set(rows.filter(({ state }) => state === "pending").map(({ target }) => target));
}

/** What cannot be carried back is named, and lost only with a person's consent; what is gone by then is not asked for. */
export const consentToLosses: ApprovalRule<ClusterConnections, EtcdToKubernetesOptions> = {
  subject: SUBJECT,
  needed: async (context) => {
    const tally = new Tally();
    const named: string[] = [];
    for await (const page of ledgerPages(losses(context), { states: PENDING, limit: PAGE })) {
      const meanings = await Promise.all(page.map((row) => presentMeaning(context, row)));
      for (const [index, row] of page.entries()) {
        if (meanings[index] === undefined) continue;
        tally.add([row.target, meanings[index]]);
        if (named.length < NAMED) named.push(`${row.target} (${detailOf(row).reason ?? ""})`);
      }
    }
    if (tally.count === 0) return undefined;
    const more = tally.count > NAMED ? `; and ${tally.count - NAMED} more` : "";
    return tally.shown(
      `${tally.count} will not be in etcd as they are in Kubernetes: ${named.join("; ")}${more}; \`describe\` lists all`,
    );
  },
};

/**
 * What is approved with the name: what the object means now, and which value etcd keeps instead of it; undefined where neither is
 * there any more. Of IPAM, which changes with every pod, of a pod's endpoint, and of what others write to an etcd of theirs, the
 * reason alone: nobody could approve what goes on changing.
 */
async function presentMeaning(context: Context, row: Checkpoint): Promise<string | undefined> {
  const { kind, reason = "", source } = detailOf(row);
  const kept = source === undefined ? undefined : await keptValue(context, source);
  if (row.detail["deleted"] === true)
    return source !== undefined && kept === undefined ? undefined : `${reason} ${kept ?? ""}`;
  if (kindInfo(kind).group === "none") return reason;
  const target = await readTarget(context, refOf(row, (await decisions(context)).targetGroup));
  if (target === undefined && kept === undefined) return undefined;
  if (kindInfo(kind).etcd === "ipam") return reason;
  return `${target === undefined ? "" : meaningHash(target)} ${kept ?? ""}`;
}

/** Tells one value of a key from another; undefined when the key is not there. */
async function keptValue(context: Context, key: string): Promise<string | undefined> {
  const found = (await context.connections.etcd().getMany([key])).get(key);
  if (found === undefined) return undefined;
  return (await isSharedEtcd(context)) ? "others'" : sourceHash(found.value);
}
