import { batchLease } from "../../shared/engine/lease-names.ts";
import type { CheckpointStore } from "../../shared/engine/ports.ts";
import { isEnd, type LeaseHolder, type RunRecord } from "../../shared/engine/records.ts";
import { MigratorError } from "../../shared/errors.ts";
import { allRuns } from "../runs.ts";
import { commandLine, type Session } from "../session.ts";
import { workerOf, workerText } from "../worker.ts";

const PAGE = 100;

/** A lock that is about to be lifted without its run. */
export interface Lifting {
  /** The run whose mark it has. */
  lockedBy: string | undefined;
  /** The cluster's name in the place where runs are kept, where it is known. */
  cluster: string | undefined;
  /** The run that a person says nobody works on any more, and nobody can. */
  unfinished: string | undefined;
}

/**
 * Refuses to lift a lock under a run that can go on: its stages take the lock for granted, and rolling it back puts everything
 * back. That is the run of the mark, and whichever run holds the cluster. One that a person names as unfinished is let go, unless
 * somebody works on it. Throws RUN_ALIVE.
 */
export async function refuseAlive(
  session: Pick<Session, "store" | "kind" | "flags" | "world">,
  lifting: Lifting,
): Promise<void> {
  for (const run of await aliveRuns(session.store, lifting)) {
    const worker = (await workerOf(session.store, run)) ?? (await batchWorkerOf(session.store, run));
    if (worker === undefined && run.runId === lifting.unfinished) continue;
    throw alive(session, run, worker);
  }
}

async function aliveRuns(store: CheckpointStore, { lockedBy, cluster }: Lifting): Promise<RunRecord[]> {
  const marked = lockedBy === undefined ? undefined : await store.getRun(lockedBy);
  const alive = marked === undefined || isEnd(marked.state) ? [] : [marked];
  const name = marked?.cluster ?? cluster;
  if (name === undefined) return alive;
  for await (const run of allRuns(store, name))
    if (run.holdsCluster && !isEnd(run.state) && run.runId !== lockedBy) alive.push(run);
  return alive;
}

/** Batches are worked on while nobody advances their run. */
async function batchWorkerOf(store: CheckpointStore, run: RunRecord): Promise<LeaseHolder | undefined> {
  const { runId, track, stage } = run;
  if (stage === undefined) return undefined;
  for (let after: number | undefined; ;) {
    const query = after === undefined ? { limit: PAGE } : { limit: PAGE, after };
    const open = await store.listOpenBatches({ runId, track, stage }, query);
    for (const batch of open) {
      const holder = await store.findHolder(batchLease(batch));
      if (holder !== undefined) return holder;
    }
    after = open.at(-1)?.batch;
    if (after === undefined) return undefined;
  }
}

function alive(
  session: Pick<Session, "kind" | "flags" | "world">,
  run: RunRecord,
  worker: LeaseHolder | undefined,
): MigratorError {
  const { runId, cluster, state } = run;
  const isAws = session.kind === "aws";
  const where = isAws ? "in the stack's table" : "in this store";
  const who =
    worker === undefined
      ? "nobody works on it right now"
      : `${workerText(run, worker, session.world.clock.now())} works on it`;
  const [resume, rollback] = ["resume", "rollback"].map((verb) => commandLine(session, verb, runId));
  const broken =
    isAws && worker === undefined
      ? ` Where the stack's functions no longer work, stop them and give --unfinished ${runId}: docs/break-glass.md says how.`
      : "";
  return new MigratorError(
    "RUN_ALIVE",
    `run "${runId}" on ${cluster} is ${where}, and not at its end: it is ${state}, and ${who}`,
    { next: `Go on with \`${resume ?? ""}\`, or undo it with \`${rollback ?? ""}\`.${broken}` },
  );
}
