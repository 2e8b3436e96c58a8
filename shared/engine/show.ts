import { failureOf } from "./backoff.ts";
import { stageContext } from "./context.ts";
import { LeaseLostError } from "./errors.ts";
import type { JsonObject } from "../json.ts";
import type { ShowContext } from "./migration.ts";
import type { Failure } from "./records.ts";
import type { RunSession } from "./session.ts";
import { SHOWN, toShown } from "./transitions.ts";

/**
 * Lets a migration show its run as it is now, unless that was shown already. What goes wrong with it is told in the run's
 * condition `Shown`, and stops nothing. Throws LeaseLostError.
 */
export async function showRun<C>(session: RunSession<C>): Promise<void> {
  const { migration, run } = session;
  if (migration.show === undefined || run.version === session.shown) return;
  const failure = await failureIn(async () => migration.show?.(await contextOf(session)));
  if (session.lease.signal.aborted) return;
  if (isNews(session, failure)) await session.save((from, now) => toShown(from, failure, now));
  session.shown = session.run.version;
}

async function failureIn(act: () => Promise<void>): Promise<Failure | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    if (error instanceof LeaseLostError) throw error;
    return failureOf(error);
  }
}

/** True when the condition has to change: trouble that is new or another one, or the end of trouble. */
function isNews<C>({ run }: RunSession<C>, failure: Failure | undefined): boolean {
  const known = run.conditions.find(({ type }) => type === SHOWN);
  if (failure === undefined) return known?.status === "False";
  return known?.status !== "False" || known.reason !== failure.code;
}

async function contextOf<C>(session: RunSession<C>): Promise<ShowContext<C, JsonObject>> {
  const { parts, run, control, lease } = session;
  const connections = await parts.connections.open(run.cluster, run.options);
  const { runId, track, stage = "" } = run;
  const counters = { batches: 0, openBatches: 0, total: 0, counts: {}, planned: false, startedAt: 0 };
  const announce = (): Promise<void> => Promise.reject(new Error("what shows a run announces nothing"));
  return stageContext({
    ...{ parts, run, control, connections, lease, announce, tellLock: announce, mayRecord: false },
    stage: { runId, track, stage, state: "running", notes: {}, ...counters },
  });
}
