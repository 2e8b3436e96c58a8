import { z } from "zod";
import { type JsonObject, isJsonObject } from "../../json.ts";
import { nativeApiService } from "../../kubernetes/api-services.ts";
import { objectsAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { releaseFields, releaseRehearsal } from "../target/release-fields.ts";
import type { Rehearsal } from "../target/rehearse.ts";
import { removedApiService } from "./api-service.ts";
import { lockedBefore, OLD_LOCK } from "./cluster-information.ts";
import type { Context } from "./context.ts";
import { everPaused } from "./pause-book.ts";
import { switchedWorkloads } from "./switch-workload.ts";
import { createdBy } from "./undo-install.ts";
import { apiServerRef, operatorRef } from "./workloads.ts";

/** The stages that create objects of the manifest. */
const INSTALLING = ["install-crds", "install-admission"];

const Managers = z.object({ apiServiceManagers: z.array(z.custom<JsonObject>(isJsonObject)).default([]) });
const Removed = z.object({ deployment: z.custom<JsonObject>(isJsonObject).optional() });

/** An object, not a native one, that a run may have written. */
interface Written {
  ref: ObjectRef;
  /** Whose its fields were before this run put it back. */
  managers?: readonly JsonObject[];
  /** Where a run may update an object and not patch it. Default: patch. */
  by?: "replace";
}

/**
 * Takes this run off the fields of everything that is neither native nor somebody's dependant: definitions and admission
 * policies that it has created, workloads that it has told which group to use, GitOps tools that it has paused, and what it
 * has put back. Only at the end of a run, or of its way back: until then these fields tell what is its own.
 */
export async function releaseOthers(context: Context): Promise<void> {
  for (const { ref, managers = [], by = "patch" } of await written(context))
    await releaseFields(context, ref, { releaseOf: () => ({ carried: managers }), by });
}

/** The same as dry runs, for what is there before the lock. */
export async function releaseOthersRehearsals(context: Context): Promise<Rehearsal[]> {
  const rehearsals = (await written(context)).map(({ ref, managers = [], ...way }) =>
    releaseRehearsal(context, ref, { releaseOf: () => ({ carried: managers }), ...way }),
  );
  return (await Promise.all(rehearsals)).flat();
}

async function written(context: Context): Promise<Written[]> {
  const created = (await Promise.all(INSTALLING.map((stage) => createdBy(context, stage)))).flat();
  const operator = await operatorOf(context);
  return [
    ...created.map(({ ref }) => ({ ref })),
    ...(await switchedWorkloads(context, "switch")).map((ref) => ({ ref })),
    ...(operator === undefined ? [] : [{ ref: operator }]),
    ...(await everPaused(context)).map(({ apiVersion, plural, namespace, name }) => ({
      ref: { apiVersion, plural, namespace, name },
    })),
    ...(await putBack(context)),
  ];
}

/** Preflight finds out whether there is one. */
async function operatorOf(context: Context): Promise<ObjectRef | undefined> {
  const isFound = "findings" in (await context.notesOf("preflight"));
  return isFound ? operatorRef(context) : undefined;
}

async function putBack(context: Context): Promise<Written[]> {
  const { old } = await lockedBefore(context);
  const apiService = await removedApiService(context);
  const { apiServiceManagers } = Managers.parse(await context.notesOf("remove-apiservice"));
  const { deployment } = Removed.parse(await context.notesOf("remove-api-server"));
  const by = "replace" as const;
  return [
    ...(old === undefined ? [] : [{ ref: OLD_LOCK, managers: managersOf(old), by }]),
    ...(apiService === undefined ? [] : [{ ref: nativeApiService, managers: apiServiceManagers, by }]),
    ...(apiService === undefined || deployment === undefined
      ? []
      : [{ ref: apiServerRef(apiService), managers: managersOf(deployment), by }]),
  ];
}

function managersOf(object: JsonObject): JsonObject[] {
  return objectsAt(object, "metadata", "managedFields");
}
