import { z } from "zod";
import type { Action } from "../../../engine/migration.ts";
import type { JsonObject } from "../../../json.ts";
import { numberAt, objectAt, textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { readTarget } from "../../target/calls.ts";
import { changeObject } from "../change-object.ts";
import type { Context } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { patientAction } from "../undo/patience.ts";
import { operatorRef } from "../workloads.ts";

const NAME = "hold-operator";
/** An operator that does not end by then is lived with: what it puts back is removed again. Milliseconds. */
const PATIENCE_MS = 30_000;

const Held = z.object({ held: z.object({ uid: z.string(), replicas: z.int(), at: z.int() }).optional() });

const release = patientAction({
  kind: "action",
  name: "release-operator",
  title: "let the operator run again",
  act: async (context) => {
    await releaseOperator(context);
    return { done: true };
  },
});

/**
 * Stops the operator, where one installs Calico, until `switch-operator`: it would put the APIService back as soon as that is
 * removed. projectcalico.org/v3 would then show the old group again, and the garbage collector would not find the native objects
 * that others belong to. How many replicas it had is recorded first.
 */
export const holdOperator: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: NAME,
  title: "stop the operator, which would put the APIService back, until it is switched",
  changesCluster: true,
  undo: [release],
  act: async (context) => {
    const ref = await operatorRef(context);
    if (ref === undefined) return { done: true };
    await changeObject(context, ref, async (deployment) => {
      const replicas = replicasOf(deployment);
      if (replicas === 0) return undefined;
      const uid = textAt(deployment, "metadata", "uid");
      await context.record({ held: { uid, replicas, at: context.clock.now() } });
      return { spec: { replicas: 0 } };
    });
    return { done: true };
  },
};

/** What still runs of an operator that was stopped; undefined when nothing does, and when it was waited for long enough. */
export async function operatorRunning(context: Context): Promise<string | undefined> {
  const { held } = Held.parse(await context.notesOf(NAME));
  const ref = held === undefined ? undefined : await operatorRef(context);
  if (held === undefined || ref === undefined || context.clock.now() - held.at > PATIENCE_MS)
    return undefined;
  const deployment = await readTarget(context, ref);
  const running = numberAt(deployment ?? {}, "status", "replicas");
  return running === 0 ? undefined : `the operator is being stopped: ${running} pods of it are left`;
}

/** Lets the operator run as before, if this run has stopped it. */
export async function releaseOperator(context: Context): Promise<void> {
  const { held } = Held.parse(await context.notesOf(NAME));
  const ref = held === undefined ? undefined : await operatorRef(context);
  if (held === undefined || ref === undefined) return;
  await changeObject(context, ref, (deployment) => {
    const isSame = textAt(deployment, "metadata", "uid") === held.uid;
    return isSame && replicasOf(deployment) === 0 ? { spec: { replicas: held.replicas } } : undefined;
  });
}

/** One where the Deployment does not say, as the API server has it. */
function replicasOf(deployment: JsonObject): number {
  const { replicas } = objectAt(deployment, "spec");
  return typeof replicas === "number" ? replicas : 1;
}
