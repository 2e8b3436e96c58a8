import type { StageContext } from "../../engine/migration.ts";
import type { JsonObject } from "../../json.ts";
import type { ResourceRef } from "../../kubernetes/types.ts";
import { jsonLines } from "../artifact-lines.ts";
import type { ClusterConnections } from "../connections.ts";
import { listPage, orAbsent } from "../target/calls.ts";

const OBJECTS_PER_PART = 500;
/** How many CustomResourceDefinitions make a part: with its schemas, one may have hundreds of kilobytes. */
export const CRDS_PER_PART = 50;

type BackupContext = StageContext<ClusterConnections, unknown>;

/** A resource of Kubernetes of which a backup is made. One that the cluster does not have is passed over. */
export interface BackedUp {
  /** Where its objects are, and where `restore` puts them. */
  ref: ResourceRef;
  /** Where they are read instead, if not there. */
  from?: ResourceRef;
  /** How many objects make a part, where one may be large. Default 500. */
  perPart?: number;
  /** What is kept of an object; undefined to leave it out. All of it without this. */
  keep?: (object: JsonObject) => JsonObject | undefined;
}

/** Where a backup of objects goes on. */
export interface ObjectsCursor {
  /** The number of the next part, from 0. */
  part: number;
  /** Which resource is being read, and its continue token. */
  resource: number;
  continueToken?: string | undefined;
}

/** The sides that a backup may have. */
export const SIDES = ["etcd", "kubernetes"] as const;
export type BackupSide = (typeof SIDES)[number];

/** What the names of all parts of a side begin with. */
export function backupPrefix(runId: string, side: BackupSide): string {
  return `runs/${runId}/backup/${side}-`;
}

/** Names the parts of a side, which are numbered from 0; `what` tells a second backup of that side from the first. */
export function partName(
  { run }: { run: { readonly runId: string } },
  side: BackupSide,
  what = "",
): (part: number) => string {
  return (part) => `${backupPrefix(run.runId, side)}${what}${String(part).padStart(6, "0")}.ndjson`;
}

/** Keeps one page of the objects as one part, and says where to go on; undefined after the last resource. Repeatable. */
export async function backUpObjects(
  context: BackupContext,
  resources: readonly BackedUp[],
  { part, resource, continueToken }: ObjectsCursor,
  nameOf: (part: number) => string,
): Promise<ObjectsCursor | undefined> {
  const backedUp = resources[resource];
  if (backedUp === undefined) return undefined;
  const { ref, from = ref, perPart: limit = OBJECTS_PER_PART } = backedUp;
  // Begun afresh, parts that are written already would hold what has gone since.
  const page = await orAbsent(listPage(context, from, { limit, continueToken }, "onward"));
  const lines = linesOf(backedUp, page?.items ?? []);
  if (lines.length > 0) await context.artifacts.write(nameOf(part), jsonLines(lines));
  const next = page?.continueToken;
  return {
    part: part + (lines.length > 0 ? 1 : 0),
    resource: next === undefined ? resource + 1 : resource,
    ...(next === undefined ? {} : { continueToken: next }),
  };
}

/** The lines that `restore` reads. */
function linesOf({ ref, from, keep }: BackedUp, objects: readonly JsonObject[]): JsonObject[] {
  const { apiVersion, plural } = ref;
  return objects.flatMap((object) => {
    const kept = keep === undefined ? object : keep(object);
    if (kept === undefined) return [];
    return [{ ref: { apiVersion, plural }, object: from === undefined ? kept : { ...kept, apiVersion } }];
  });
}
