import { z } from "zod";
import type { Action } from "../../../engine/migration.ts";
import { isJsonObject, type JsonObject } from "../../../json.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import type { Rehearsal } from "../../target/rehearse.ts";
import { restoreObject, restoreRehearsal } from "../../target/remove.ts";
import { deleteTarget, readTarget } from "../../target/calls.ts";
import { removedApiService } from "../api-service.ts";
import type { Context } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { apiServerRef, operatorRef } from "../workloads.ts";

const Removed = z.object({ deployment: z.custom<JsonObject>(isJsonObject) });

const createAgain: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "create-api-server-again",
  title: "create the aggregated API server's Deployment again",
  act: async (context) => {
    const missing = await missingServer(context);
    if (missing !== undefined) await restoreObject(context, missing.ref, missing.deployment);
    return { done: true };
  },
};

/** The write of the way back, as a dry run. */
export async function createAgainRehearsal(context: Context): Promise<Rehearsal[]> {
  const missing = await missingServer(context);
  return missing === undefined ? [] : [restoreRehearsal(context, missing.ref, missing.deployment)];
}

/** The Deployment that this run has deleted, where nobody has created it again. */
async function missingServer(
  context: Context,
): Promise<{ ref: ObjectRef; deployment: JsonObject } | undefined> {
  const removed = Removed.safeParse(await context.notesOf("remove-api-server"));
  const apiService = await removedApiService(context);
  if (!removed.success || apiService === undefined) return undefined;
  const ref = apiServerRef(apiService);
  const { deployment } = removed.data;
  return (await readTarget(context, ref)) === undefined ? { ref, deployment } : undefined;
}

/**
 * Deletes the aggregated API server's Deployment, which nobody asks any more; the operator deletes its own. Only after the
 * unlock: until then the way back needs its pods, and new ones could not start while the datastore is locked. What else its
 * manifest holds stays, and does nothing.
 */
export const removeApiServer: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "remove-api-server",
  title: "delete the aggregated API server's Deployment",
  changesCluster: true,
  undo: [createAgain],
  act: async (context) => {
    const apiService = await removedApiService(context);
    if (apiService === undefined || (await operatorRef(context)) !== undefined) return { done: true };
    const ref = apiServerRef(apiService);
    const deployment = await readTarget(context, ref);
    if (deployment === undefined) return { done: true };
    if (!Removed.safeParse(context.notes).success) {
      const { status, ...kept } = deployment;
      await context.record({ deployment: kept });
    }
    await deleteTarget(context, ref, textAt(deployment, "metadata", "uid"));
    return { done: true };
  },
};
