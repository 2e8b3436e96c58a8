import assert from "node:assert/strict";
import { CLUSTER_INFORMATION_KEY } from "../source-lock.ts";
import { type Described, startRun, type Worker, type World } from "./world.ts";

type RunRequest = Parameters<typeof startRun>[1];

/** Starts a run and lets it go on until right before a stage. */
export async function runUpTo(
  world: World,
  worker: Worker,
  stage: string,
  request: RunRequest = {},
): Promise<string> {
  const runId = await startRun(worker, { stopBefore: stage, ...request });
  const { run } = await world.drive(worker, runId);
  assert.deepEqual([run.waiting?.subject, run.failure], [stage, undefined]);
  return runId;
}

/** Approves a subject and lets the run go on. */
export async function approve(
  world: World,
  worker: Worker,
  runId: string,
  subject: string,
): Promise<Described> {
  await worker.engine.approve(runId, "test", subject);
  return world.drive(worker, runId);
}

/** Resumes a run and lets it go on. */
export async function resume(world: World, worker: Worker, runId: string): Promise<Described> {
  await worker.engine.resume(runId);
  return world.drive(worker, runId);
}

/** Undoes a run to its end. */
export async function rollBack(world: World, worker: Worker, runId: string): Promise<Described> {
  await worker.engine.undo(runId, "rollback");
  const described = await world.drive(worker, runId);
  assertState(described, "RolledBack");
  return described;
}

/** Lets something happen once, right after etcd was locked: what came before the lock is copied before it. */
export function onceLocked(world: World, happen: () => void): void {
  world.etcd.hooks.after = (write) => {
    if (write !== `put ${CLUSTER_INFORMATION_KEY}`) return;
    world.etcd.hooks.after = undefined;
    happen();
  };
}

/** Fails with what holds the run back when it is in another state. */
export function assertState({ run }: Described, state: Described["run"]["state"]): void {
  const { stage, failure, waiting } = run;
  assert.equal(run.state, state, JSON.stringify({ stage, failure, waiting }));
}
