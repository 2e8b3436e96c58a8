import { kindInfo } from "../../calico/kinds.ts";
import { meaningHash } from "../../calico/meaning.ts";
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

const SUBJECT = "not-carried-back";
const PAGE = 1000;
const NAMED = 10;

/** What the late way back cannot take to etcd, by its target's id, with the reason. */
function losses(context: Pick<Context, "ledger">): Ledger {
  return context.ledger(SUBJECT);
}

/** The row of an object, or of a pod's endpoint, that cannot be carried back. */
export function lossRow(kind: string, target: string, object: JsonObject, reason: string): Checkpoint {
  const namespace = textAt(object, "metadata", "namespace");
  const detail = { kind, ...(namespace === "" ? {} : { namespace }), reason };
  return { rank: kindInfo(kind).rank, key: target, state: "pending", target, sourceRevision: 0, detail };
}

/** Records what cannot be carried back, to be approved before the run goes on. */
export async function recordLosses(context: Context, rows: readonly Checkpoint[]): Promise<void> {
  await losses(context).put(rows);
}

/** The targets of these that a person has agreed to lose: the run does not get past the approval without it. */
export async function agreedLosses(
  context: Context,
  targets: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await losses(context).findByTarget(targets);
  return new Set(rows.map(({ target }) => target));
}

/** What cannot be carried back is named, and lost only with a person's consent; what is gone by then is not asked for. */
export const consentToLosses: ApprovalRule<ClusterConnections, EtcdToKubernetesOptions> = {
  subject: SUBJECT,
  needed: async (context) => {
    const tally = new Tally();
    const named: string[] = [];
    for await (const page of ledgerPages(losses(context), { limit: PAGE })) {
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
      `${tally.count} cannot be carried back to etcd, and will be lost: ${named.join("; ")}${more}; \`describe\` lists all`,
    );
  },
};

/** What an object means now; undefined for one that is gone. Of a pod's endpoint, or a deletion, why it cannot be carried. */
async function presentMeaning(context: Context, row: Checkpoint): Promise<string | undefined> {
  const { kind, reason } = detailOf(row);
  if (kindInfo(kind).group === "none" || row.detail["deleted"] === true) return reason ?? "";
  const target = await readTarget(context, refOf(row, (await decisions(context)).targetGroup));
  return target === undefined ? undefined : meaningHash(target);
}
