import { z } from "zod";
import type { Ledger } from "../../engine/ledger.ts";
import type { BatchOutcome, StageContext, Sweep, SweepPlan } from "../../engine/migration.ts";
import type { BatchRecord, Checkpoint, RunRecord } from "../../engine/records.ts";
import { MigratorError } from "../../errors.ts";
import type { ClusterConnections } from "../connections.ts";
import { detailOf, withDetail } from "./ledger-detail.ts";

const NAMED = 5;

const Cursor = z.object({ phase: z.literal("judge"), retries: z.int() });
const Scope = z.object({ kind: z.string(), attempt: z.int() });

/** What differs between verifications. */
export interface KindsVerification<O> {
  name: string;
  title: string;
  kinds: readonly string[];
  /** Called when everything is about to be compared: at first, and again after a resume. */
  begin?: (context: StageContext<ClusterConnections, O>) => Promise<void>;
  /** What else `next` says of what differs; it begins with a space. */
  mend?: (context: StageContext<ClusterConnections, O>, differing: readonly Checkpoint[]) => Promise<string>;
  /** Compares one kind, and puts what differs into the ledger of {@link differencesLedger} as `conflict`. */
  compare: (
    context: StageContext<ClusterConnections, O>,
    kind: { kind: string; attempt: number; batch: Readonly<BatchRecord> },
  ) => Promise<BatchOutcome>;
}

/** Compares both sides kind by kind. A difference stops the run, named; after a resume everything is compared again. */
export function verifyKinds<O>(verification: KindsVerification<O>): Sweep<ClusterConnections, O> {
  return {
    kind: "sweep",
    name: verification.name,
    title: verification.title,
    plan: async (context, previous) => {
      if (previous === undefined) return planKinds(verification, context);
      const { retries } = Cursor.parse(previous);
      const ledger = context.ledger(differencesLedger(verification.name, retries));
      const differing = await ledger.list({ limit: NAMED, states: ["conflict"] });
      if (differing.length === 0) return { batches: [], done: true };
      if (retries < context.run.retriesSeen) return planKinds(verification, context);
      const more = await countMore(ledger, differing);
      throw verifyFailed(context.run, { differing, more }, await verification.mend?.(context, differing));
    },
    work: (context, batch) => verification.compare(context, { ...Scope.parse(batch.scope), batch }),
  };
}

/** The ledger of what a verification found different at one attempt. */
export function differencesLedger(stage: string, attempt: number): string {
  return `differences/${stage}/${attempt}`;
}

/** The row of that ledger that says how a resource differs. */
export function differing(checkpoint: Checkpoint, reason: string): Checkpoint {
  return withDetail({ ...checkpoint, state: "conflict" }, { code: "VERIFY_DIFFERS", reason });
}

async function planKinds<O>(
  { kinds, begin }: KindsVerification<O>,
  context: StageContext<ClusterConnections, O>,
): Promise<SweepPlan> {
  await begin?.(context);
  const retries = context.run.retriesSeen;
  const counts = z.record(z.string(), z.int()).parse((await context.notesOf("preflight"))["byKind"] ?? {});
  const batches = kinds.map((kind) => ({ scope: { kind, attempt: retries }, size: counts[kind] ?? 0 }));
  return { batches, cursor: { phase: "judge", retries }, barrier: true };
}

/** How many more differences a ledger holds than these, in the words of a list. */
export async function countMore(
  ledger: Pick<Ledger, "count">,
  { length: named }: readonly Checkpoint[],
): Promise<string> {
  const { conflict = 0 } = await ledger.count();
  return conflict > named ? `; and ${conflict - named} more` : "";
}

/** Names some of what differs; `more` says how many it does not name, `mend` what else to do about it. */
export function verifyFailed(
  { runId }: Pick<RunRecord, "runId">,
  { differing, more }: { differing: readonly Checkpoint[]; more: string },
  mend = "",
): MigratorError {
  const named = differing.map((one) => `${one.target} (${detailOf(one).reason ?? ""})`).join("; ");
  return new MigratorError(
    "VERIFY_FAILED",
    `the target does not mean what the source means: ${named}${more}`,
    {
      next: `Look at \`calico-migrator diff ${runId}\`; mend the target and \`resume\`, or undo the run with \`rollback\`.${mend}`,
    },
  );
}
