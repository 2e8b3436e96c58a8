import { z } from "zod";
import { readLock } from "../../../../calico/lock.ts";
import { errorMessage } from "../../../../errors.ts";
import type { Json } from "../../../../json.ts";
import { apiServiceState, nativeApiService } from "../../../../kubernetes/api-services.ts";
import { crdResource } from "../../../../kubernetes/crds.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import { CLUSTER_INFORMATION_KEY } from "../../../etcd-to-kubernetes/source-lock.ts";
import { linesOf } from "../content.ts";
import { KeyLine, ObjectLine } from "../lines.ts";
import { isClusterInformation, keyOf, refOf, shownKey } from "../objects.ts";
import type { Context } from "../options.ts";

/** What of a backup is not put back item by item, but by stages of their own. */
export const Pieces = z.object({
  /** The part that has a CustomResourceDefinition, by its name. */
  definitions: z.record(z.string(), z.string()),
  /** The ClusterInformation of each datastore as the backup has it, as text, by key. */
  clusterInformations: z.record(z.string(), z.string()),
  /** The APIService of the native group, as text, where an aggregated API server served it. */
  apiService: z.string().optional(),
});
export type Pieces = z.infer<typeof Pieces>;

/** Nothing yet. */
export function noPieces(): Pieces {
  return { definitions: {}, clusterInformations: {} };
}

/** Adds what a part has of them. What is no line of a backup is told when the part is read. */
export async function findPieces(context: Context, part: string, pieces: Pieces): Promise<void> {
  for await (const { line } of linesOf(context, part)) {
    if (context.options.side === "etcd") addKey(line, pieces);
    else addObject(line, part, pieces);
  }
}

/** Why a ClusterInformation of the backup cannot be used; empty when all can. */
export function brokenInformations({ clusterInformations }: Pieces): string[] {
  return Object.entries(clusterInformations).flatMap(([key, text]) => {
    try {
      readLock(text);
      return [];
    } catch (error) {
      return [`${shownKey(key)}: ${errorMessage(error)}`];
    }
  });
}

function addKey(line: Json, pieces: Pieces): void {
  const parsed = KeyLine.safeParse(line);
  if (parsed.data?.key !== CLUSTER_INFORMATION_KEY) return;
  pieces.clusterInformations[parsed.data.key] = Buffer.from(parsed.data.value, "base64").toString("utf8");
}

function addObject(line: Json, part: string, pieces: Pieces): void {
  const { data } = ObjectLine.safeParse(line);
  if (data === undefined) return;
  const name = textAt(data.object, "metadata", "name");
  if (data.ref.plural === crdResource.plural) pieces.definitions[name] = part;
  else if (isClusterInformation(data.ref))
    pieces.clusterInformations[keyOf(refOf(data))] = JSON.stringify(data.object);
  else if (data.ref.plural === nativeApiService.plural && name === nativeApiService.name) {
    if (apiServiceState(data.object).served === "aggregated") pieces.apiService = JSON.stringify(data.object);
  }
}
