import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { foundVariables, withFoundVariables, withNativeGroup } from "./api-group.ts";
import { readTarget } from "../target/calls.ts";
import type { Rehearsal } from "../target/rehearse.ts";
import { changeObject, changeRehearsal } from "./change-object.ts";
import type { Context } from "./context.ts";

const Switched = z.object({
  ref: z.object({ apiVersion: z.string(), plural: z.string(), namespace: z.string(), name: z.string() }),
  uid: z.string(),
  found: z.record(z.string(), z.custom<JsonObject>(isJsonObject).nullable()),
});
const Notes = z.object({ switched: z.array(Switched).default([]) });

/** Tells a workload's containers to use the native group. What they were told before is in the stage's notes first. */
export async function switchWorkload(context: Context, ref: ObjectRef): Promise<void> {
  await changeObject(context, ref, async (workload) => {
    const patch = withNativeGroup(workload);
    if (patch !== undefined) await remember(context, ref, workload);
    return patch;
  });
}

/** The workloads that `stage` has switched. */
export async function switchedWorkloads(context: Context, stage: string): Promise<ObjectRef[]> {
  return Notes.parse(await context.notesOf(stage)).switched.map(({ ref }) => ref);
}

/** Puts back what the workloads that `stage` has switched were told; one that was created anew since is left as it is. */
export async function switchBack(context: Context, stage: string): Promise<void> {
  const { switched } = Notes.parse(await context.notesOf(stage));
  for (const { ref, uid, found } of switched) {
    await changeObject(context, ref, (workload) =>
      textAt(workload, "metadata", "uid") === uid ? withFoundVariables(workload, found) : undefined,
    );
  }
}

/** The writes of `switchBack`, as dry runs. */
export async function switchBackRehearsals(context: Context, stage: string): Promise<Rehearsal[]> {
  const { switched } = Notes.parse(await context.notesOf(stage));
  const rehearsals: Rehearsal[] = [];
  for (const { ref, uid, found } of switched) {
    const workload = await readTarget(context, ref);
    if (workload === undefined || textAt(workload, "metadata", "uid") !== uid) continue;
    const patch = withFoundVariables(workload, found);
    if (patch !== undefined) rehearsals.push(changeRehearsal(context, ref, "switch back", patch));
  }
  return rehearsals;
}

/** The first look at a workload counts: later ones may see what this run has written. */
async function remember(context: Context, ref: ObjectRef, workload: JsonObject): Promise<void> {
  const { switched } = Notes.parse(context.notes);
  const uid = textAt(workload, "metadata", "uid");
  if (switched.some((one) => one.uid === uid)) return;
  const { apiVersion, plural, namespace = "", name } = ref;
  const added = { ref: { apiVersion, plural, namespace, name }, uid, found: foundVariables(workload) };
  await context.record({ switched: [...switched, added] });
}
