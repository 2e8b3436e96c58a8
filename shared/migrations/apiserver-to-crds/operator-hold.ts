import { z } from "zod";
import type { JsonObject } from "../../json.ts";
import { numberAt, objectAt, textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { readTarget } from "../target/calls.ts";
import type { Rehearsal } from "../target/rehearse.ts";
import { usesNativeGroup } from "./api-group.ts";
import { changeObject, changeRehearsal } from "./change-object.ts";
import type { Context } from "./context.ts";
import { operatorRef } from "./workloads.ts";

/** The stage whose notes say how many replicas the operator had. */
export const HOLD_OPERATOR = "hold-operator";

/**
 * How long the run waits for the operator to end. Then it goes on, and removes again what the operator puts back.
 * Milliseconds.
 */
const PATIENCE_MS = 30_000;

const Held = z.object({ uid: z.string(), replicas: z.int(), at: z.int() });
type Held = z.infer<typeof Held>;
const Notes = z.object({ held: Held.optional() });
const Stopped = z.object({ stoppedAt: z.int().optional() });

/** How many replicas an operator got that had none when it was held, and that somebody has started since. */
const STARTED = "operator-started";

/**
 * Stops the operator, where one installs Calico. How many replicas it had is in the stage's notes first: none, too, as somebody may start
 * it later.
 */
export async function holdOperator(context: Context): Promise<void> {
  const ref = await operatorRef(context);
  if (ref === undefined) return;
  await changeObject(context, ref, async (deployment) => {
    const replicas = replicasOf(deployment);
    const uid = textAt(deployment, "metadata", "uid");
    // None of it is left either where this run has stopped it, and was killed.
    if (replicas > 0 || Notes.parse(context.notes).held === undefined)
      await context.record({ held: { uid, replicas, at: context.clock.now() } });
    return replicas === 0 ? undefined : { spec: { replicas: 0 } };
  });
}

/** What still runs of an operator that was stopped; undefined when nothing does, and when it was waited for long enough. */
export async function operatorRunning(context: Context): Promise<string | undefined> {
  const { held } = Notes.parse(await context.notesOf(HOLD_OPERATOR));
  return held === undefined ? undefined : runningSince(context, held.at);
}

/** Stops the operator once more, if this run has stopped it before; says what still runs of it, as `operatorRunning` does. */
export async function stopOperatorAgain(context: Context): Promise<string | undefined> {
  const stopped = await stoppedOperator(context);
  if (stopped === undefined) return undefined;
  const { ref, held } = stopped;
  await changeObject(context, ref, async (deployment) => {
    const isSame = textAt(deployment, "metadata", "uid") === held.uid;
    if (!isSame || replicasOf(deployment) === 0) return undefined;
    await noteStarted(context, held, deployment);
    // It may have run since it was stopped here, and takes its time anew.
    await context.record({ stoppedAt: context.clock.now() });
    return { spec: { replicas: 0 } };
  });
  const { stoppedAt = context.clock.now() } = Stopped.parse(context.notes);
  await context.record({ stoppedAt });
  return runningSince(context, stoppedAt);
}

/**
 * Stops an operator that this run holds and that somebody has started again before it is told the native group: it puts the
 * APIService back as often as that is removed. True where it did: what has not ended of it may put it back once more.
 */
export async function keepHeld(context: Context): Promise<boolean> {
  const stopped = await stoppedOperator(context);
  if (stopped === undefined) return false;
  const { ref, held } = stopped;
  let isStopped = false;
  await changeObject(context, ref, async (deployment) => {
    const isSame = textAt(deployment, "metadata", "uid") === held.uid;
    isStopped = isSame && replicasOf(deployment) > 0 && !usesNativeGroup(deployment);
    if (!isStopped) return undefined;
    await noteStarted(context, held, deployment);
    return { spec: { replicas: 0 } };
  });
  return isStopped;
}

/** Lets the operator run as before, or as somebody has started it since, if this run has stopped it. */
export async function releaseOperator(context: Context): Promise<void> {
  const stopped = await stoppedOperator(context);
  if (stopped === undefined) return;
  const { ref, held } = stopped;
  const replicas = await wantedReplicas(context, held);
  if (replicas === 0) return;
  await changeObject(context, ref, (deployment) => {
    const isSame = textAt(deployment, "metadata", "uid") === held.uid;
    return isSame && replicasOf(deployment) === 0 ? { spec: { replicas } } : undefined;
  });
}

/**
 * Lets an operator run while people decide about a native group that is in service, if this run has stopped it and it is told that
 * group: one that is not would put the APIService back.
 */
export async function runMeanwhile(context: Context): Promise<void> {
  const stopped = await stoppedOperator(context);
  const deployment = stopped === undefined ? undefined : await readTarget(context, stopped.ref);
  if (deployment !== undefined && usesNativeGroup(deployment)) await releaseOperator(context);
}

/** The words for an operator that this run has stopped and that has to stay so until the run has gone back; undefined where it runs. */
export async function stoppedMeanwhile(context: Context): Promise<string | undefined> {
  const stopped = await stoppedOperator(context);
  const deployment = stopped === undefined ? undefined : await readTarget(context, stopped.ref);
  if (stopped === undefined || deployment === undefined || usesNativeGroup(deployment)) return undefined;
  const isMissed = replicasOf(deployment) === 0 && (await wantedReplicas(context, stopped.held)) > 0;
  return isMissed
    ? "THE OPERATOR IS STOPPED meanwhile, as it would put the APIService back: it runs again once the run has gone back"
    : undefined;
}

/** Stopping it once more and starting it, as dry runs; none where this run has not stopped it. */
export async function operatorRehearsals(context: Context): Promise<Rehearsal[]> {
  const stopped = await stoppedOperator(context);
  if (stopped === undefined) return [];
  const { ref, held } = stopped;
  const replicas = Math.max(1, await wantedReplicas(context, held));
  return [
    changeRehearsal(context, ref, "stop", { spec: { replicas: 0 } }),
    changeRehearsal(context, ref, "start", { spec: { replicas } }),
  ];
}

/** In a ledger, as batches may stop it: before it is stopped, so that it is not left stopped. */
async function noteStarted(context: Context, held: Held, deployment: JsonObject): Promise<void> {
  if (held.replicas > 0) return;
  const target = held.uid;
  const detail = { replicas: replicasOf(deployment) };
  await context
    .ledger(STARTED)
    .put([{ rank: 0, key: target, target, state: "applied", sourceRevision: 0, detail }]);
}

async function wantedReplicas(context: Context, { uid, replicas }: Held): Promise<number> {
  if (replicas > 0) return replicas;
  const [row] = await context.ledger(STARTED).get([{ rank: 0, key: uid }]);
  return row === undefined ? 0 : numberAt(row.detail, "replicas");
}

/** The operator that this run has stopped, and as what. */
async function stoppedOperator(context: Context): Promise<{ ref: ObjectRef; held: Held } | undefined> {
  const { held } = Notes.parse(await context.notesOf(HOLD_OPERATOR));
  const ref = held === undefined ? undefined : await operatorRef(context);
  return held === undefined || ref === undefined ? undefined : { ref, held };
}

async function runningSince(context: Context, stoppedAt: number): Promise<string | undefined> {
  const ref = await operatorRef(context);
  if (ref === undefined || context.clock.now() - stoppedAt > PATIENCE_MS) return undefined;
  const deployment = await readTarget(context, ref);
  const running = numberAt(deployment ?? {}, "status", "replicas");
  return running === 0 ? undefined : `the operator is being stopped: ${running} pods of it are left`;
}

/** One where the Deployment does not say, as the API server has it. */
function replicasOf(deployment: JsonObject): number {
  const { replicas } = objectAt(deployment, "spec");
  return typeof replicas === "number" ? replicas : 1;
}
