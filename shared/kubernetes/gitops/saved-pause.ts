import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../json.ts";

/** The tools whose objects can be paused. */
const GitOpsTool = z.enum(["argocd", "flux", "fleet"]);
export type GitOpsTool = z.infer<typeof GitOpsTool>;

/**
 * What is kept of a manager before it is paused, so that it can be put back: small enough for `detail` of a checkpoint,
 * and without secrets (no field that is kept can hold one).
 */
export const SavedPause = z.object({
  tool: GitOpsTool,
  /** As served when it was paused. */
  apiVersion: z.string(),
  plural: z.string(),
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  /**
   * What was found at the fields that pause this kind, as a cut-out of the object: `{"spec":{"syncPolicy":{}}}` is an
   * Application with a syncPolicy, but without `automated`.
   */
  found: z.custom<JsonObject>(isJsonObject),
});
export type SavedPause = z.infer<typeof SavedPause>;

/** Where a manager is, without what was found. */
export type ManagerRef = Omit<SavedPause, "found">;

/** Names a manager among all those of a cluster; fit for the key of a checkpoint. */
export function managerKey({ plural, namespace, name }: ManagerRef): string {
  return `${plural}/${namespace}/${name}`;
}
