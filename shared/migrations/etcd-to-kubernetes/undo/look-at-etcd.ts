import { z } from "zod";
import { askFor } from "../../../engine/approvals.ts";
import type { Sweep } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import type { Context } from "../context.ts";
import { consentToLosses } from "../not-carried-back.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { recordOnlyInEtcd } from "./only-in-etcd.ts";
import { RANGE, wayBackSweep } from "./way-back-sweep.ts";
import { recordWrittenSince } from "./written-since-rows.ts";

const Cursor = z.object({ agreed: z.string(), at: z.json().optional() });

const walk = wayBackSweep({
  name: "look-at-etcd",
  title: "look once more at what was written to the locked etcd, and ask about it",
  copies: async (context, range) => {
    await recordWrittenSince(context, range, RANGE);
    return 0;
  },
  keys: recordOnlyInEtcd,
});

/**
 * The last look at what the way back does not carry, and the question about it. A person may take days over it: what is written to
 * the locked etcd meanwhile is found by looking again after each answer, until a look finds nothing that was not answered before it.
 */
export const lookAtEtcd: Sweep<ClusterConnections, EtcdToKubernetesOptions> = {
  ...walk,
  asks: [{ subject: consentToLosses.subject, kind: "found" }],
  plan: async (context, previous) => {
    const { agreed, at } =
      previous === undefined ? { agreed: await agreedBefore(context) } : Cursor.parse(previous);
    const step = await walk.plan(context, at);
    if ("wait" in step) return step;
    if (step.done !== true) return { ...step, cursor: { agreed, at: step.cursor ?? null } };
    const shown = await consentToLosses.needed(context);
    if (shown === undefined || shown.fingerprint === agreed) return { batches: [], done: true };
    if (!context.approved(consentToLosses.subject, shown))
      return { wait: askFor(consentToLosses.subject, shown) };
    return { batches: [], cursor: { agreed: shown.fingerprint }, barrier: true };
  },
};

/** What a person had approved before this look began. */
async function agreedBefore(context: Context): Promise<string> {
  const shown = await consentToLosses.needed(context);
  return shown !== undefined && context.approved(consentToLosses.subject, shown) ? shown.fingerprint : "";
}
