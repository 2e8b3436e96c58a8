import { z } from "zod";
import type { Action } from "../../../../engine/migration.ts";
import { crdResource } from "../../../../kubernetes/crds.ts";
import type { JsonObject } from "../../../../json.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import type { ObjectRef, ResourceRef } from "../../../../kubernetes/types.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { call, orAbsent, readTarget } from "../../../target/calls.ts";
import { releaseFields } from "../../../target/release-fields.ts";
import { isOurs } from "../../../target/ownership.ts";
import { objectId, releasedUids } from "../../../target/released.ts";
import { isLastTry, type Removal, removeDefinition } from "../../../target/remove-definition.ts";
import { createdDefinitions } from "../created.ts";
import type { Context, RestoreOptions } from "../options.ts";

const POLL_MS = 1000;
const Kept = z.object({ kept: z.array(z.string()).default([]) });

/** Deletes the definitions that this run created, but for those in which somebody keeps objects by now: those are named. */
export const removeCrds: Action<ClusterConnections, RestoreOptions> = {
  kind: "action",
  name: "remove-crds",
  title: "delete the CRDs that the restore created, if nothing is kept in them",
  act: async (context) => {
    const { kept } = Kept.parse(context.notes);
    const open: string[] = [];
    const isLast = await isLastTry(context);
    for (const name of await createdDefinitions(context)) {
      const removal = kept.includes(name) ? "kept" : await remove(context, name, isLast);
      if (removal === "again") open.push(name);
      if (removal === "kept") await releaseFields(context, { ...crdResource, name });
      if (typeof removal !== "object") continue;
      // Recorded first: once the fields are released, nothing on it tells whose it is.
      await context.record({ kept: [...kept, name] });
      kept.push(name);
      await releaseFields(context, { ...crdResource, name });
    }
    if (open.length === 0) return { done: true };
    const message = `CRDs are looked into once more before they are deleted: ${open.join(", ")}`;
    return { wait: { reason: "Gate", message, retryAfterMs: POLL_MS } };
  },
};

async function remove(context: Context, name: string, isLast: boolean): Promise<Removal> {
  const ref = { ...crdResource, name };
  const found = await readTarget(context, ref);
  if (found === undefined || !(await isThisRuns(context, ref, found))) return "deleted";
  if (textAt(found, "metadata", "deletionTimestamp") !== "") return "deleted";
  const whyUsed = async (ref: ResourceRef): Promise<string | undefined> => {
    const options = { limit: 1, metadataOnly: true, signal: context.signal };
    const page = await orAbsent(call(context, () => context.connections.kubernetes.list(ref, options)));
    return page === undefined || page.items.length === 0 ? undefined : "it is in use";
  };
  return removeDefinition(context, found, whyUsed, { isLast });
}

/** At the end of a restore nothing on a definition tells whose it is: what was noted then does. */
async function isThisRuns(context: Context, ref: ObjectRef, found: JsonObject): Promise<boolean> {
  if (isOurs(context, found)) return true;
  return (await releasedUids(context, [objectId(ref)])).has(textAt(found, "metadata", "uid"));
}
