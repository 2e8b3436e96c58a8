import { z } from "zod";
import { failureOf } from "../../../engine/backoff.ts";
import { LeaseLostError } from "../../../engine/errors.ts";
import type { Action, Sweep } from "../../../engine/migration.ts";
import type { Failure } from "../../../engine/records.ts";
import { errorMessage } from "../../../errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import type { Context } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";

/** How long a step that fails or waits may keep the old group locked. */
const PATIENCE_MS = 60_000;
const POLL_MS = 1000;

const Notes = z.object({ troubleAt: z.int().optional() });
const Progress = z.object({ troubleAt: z.int() });

type AnySweep = Sweep<ClusterConnections, ApiserverToCrdsOptions>;
type AnyAction = Action<ClusterConnections, ApiserverToCrdsOptions>;

/**
 * A step of the way back before the old group is unlocked, which must not be kept locked by it: what still fails or waits after a
 * minute is left, and the way back goes on. `left` in the stage's notes says why.
 */
export function patientAction(action: AnyAction): AnyAction {
  return {
    ...action,
    act: async (context) => {
      const trouble = await troubleOf(context, () => action.act(context));
      if (trouble === undefined || (await isOver(context, trouble))) return { done: true };
      return { wait: { reason: "Gate", message: trouble, retryAfterMs: POLL_MS } };
    },
  };
}

/** The same for a sweep; what of a batch is left is counted. Its batches have no progress of their own. */
export function patientSweep(sweep: AnySweep): AnySweep {
  return {
    ...sweep,
    plan: async (context, cursor) => {
      let plan: Awaited<ReturnType<AnySweep["plan"]>> = { batches: [], done: true };
      const trouble = await troubleOf(context, async () => (plan = await sweep.plan(context, cursor)));
      if (trouble === undefined) return plan;
      if (await isOver(context, trouble)) return { batches: [], done: true };
      return { wait: { reason: "Gate", message: trouble, retryAfterMs: POLL_MS } };
    },
    work: async (context, batch) => {
      let held: Failure | undefined;
      try {
        const outcome = await sweep.work(context, batch);
        if ("done" in outcome) return outcome;
        held = outcome.held;
      } catch (error) {
        mustEnd(context, error);
        held = failureOf(error);
      }
      const now = context.clock.now();
      const { troubleAt } =
        batch.progress === undefined ? { troubleAt: now } : Progress.parse(batch.progress);
      if (now - troubleAt > PATIENCE_MS) return { done: true, counts: { left: batch.size } };
      const why = held === undefined ? {} : { held };
      return { more: true, progress: { troubleAt }, retryAfterMs: POLL_MS, ...why };
    },
  };
}

/** Why something failed or waits; undefined when it does neither. */
async function troubleOf(context: Context, act: () => Promise<object>): Promise<string | undefined> {
  try {
    const outcome = await act();
    return "wait" in outcome ? (outcome.wait as { message: string }).message : undefined;
  } catch (error) {
    mustEnd(context, error);
    return errorMessage(error);
  }
}

/** Whoever has lost the right to work, or is told to stop, must not go on. */
function mustEnd(context: Context, error: unknown): void {
  if (error instanceof LeaseLostError || context.signal.aborted) throw error;
}

async function isOver(context: Context, trouble: string): Promise<boolean> {
  const now = context.clock.now();
  const { troubleAt = now } = Notes.parse(context.notes);
  await context.record({ troubleAt, left: trouble });
  return now - troubleAt > PATIENCE_MS;
}
