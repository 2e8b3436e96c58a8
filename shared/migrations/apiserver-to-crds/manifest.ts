import type { JsonObject } from "../../json.ts";
import { readManifestFrom } from "../manifests.ts";
import type { Context } from "./context.ts";

/** The objects of the user's manifest with the native CRDs and admission policies; none without one. Throws as readManifestFrom. */
export async function readCrdManifest(
  context: Pick<Context, "options" | "artifacts" | "connections">,
): Promise<JsonObject[]> {
  const { crds } = context.options;
  return crds === undefined ? [] : readManifestFrom(context, crds);
}
