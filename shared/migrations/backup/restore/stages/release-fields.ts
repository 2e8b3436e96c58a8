import type { Action, Sweep } from "../../../../engine/migration.ts";
import { parseExactJson } from "../../../../exact-json.ts";
import type { JsonObject } from "../../../../json.ts";
import { nativeApiService } from "../../../../kubernetes/api-services.ts";
import { crdResource } from "../../../../kubernetes/crds.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { readTarget } from "../../../target/calls.ts";
import { isOurs } from "../../../target/ownership.ts";
import { releaseFields as release } from "../../../target/release-fields.ts";
import { noteReleased, objectId } from "../../../target/released.ts";
import { linesOf, sideOf } from "../content.ts";
import { createdDefinitions } from "../created.ts";
import { decided } from "../decided.ts";
import { eachDependant } from "../dependants.ts";
import { ObjectLine } from "../lines.ts";
import { foundLocks } from "../locks.ts";
import { managersBefore, managersInBackup } from "../managers.ts";
import { refOfKey } from "../objects.ts";
import { type Context, type RestoreOptions, rows } from "../options.ts";
import type { Item } from "../side.ts";
import { wholeSweep } from "./item-sweep.ts";

type AnyAction = Action<ClusterConnections, RestoreOptions>;
type AnySweep = Sweep<ClusterConnections, RestoreOptions>;

const items = wholeSweep(
  {
    name: "release-fields",
    title: "give the fields of what was put back to whoever managed them in the backup",
    changesCluster: true,
  },
  releaseItems,
);

/**
 * Once everything is verified and unlocked: until then these fields tell what is this run's own, and from here on the rows do.
 * Before an aggregated API server is back, which hides native objects.
 */
export const releaseFields: AnySweep = {
  ...items,
  plan: (context, previous) =>
    context.options.side === "etcd"
      ? Promise.resolve({ batches: [], done: true })
      : items.plan(context, previous),
};

/** What is put back by stages of its own, and may be hidden as well. */
export const releaseDefinitions: AnyAction = {
  kind: "action",
  name: "release-definitions",
  title: "give the fields of the CRDs and of ClusterInformation to whoever managed them in the backup",
  changesCluster: true,
  act: async (context) => {
    if (context.options.side === "etcd") return { done: true };
    const { clusterInformations } = (await decided(context)).pieces;
    for (const [key, before] of Object.entries(await foundLocks(context)))
      await sideOf(context).release?.(key, lockManagers(key, clusterInformations[key], before));
    for (const name of await createdDefinitions(context)) await releaseDefinition(context, name);
    return { done: true };
  },
};

/** What was written after that, or may be. Both are nobody's: a backup does not have their managers. */
export const releaseOthers: AnyAction = { ...others("release-others"), changesCluster: true };

/** The same at the end of the way back. */
export const releaseOthersBack: AnyAction = others("release-others-back");

function others(name: string): AnyAction {
  return {
    kind: "action",
    name,
    title: "take the restore off the fields of the APIService and of what belongs to Calico's objects",
    act: async (context) => {
      await eachDependant(context, (record) => release(context, record));
      if ((await context.notesOf("restore-apiservice"))["isOurs"] === true)
        await release(context, nativeApiService, { by: "replace" });
      return { done: true };
    },
  };
}

async function releaseItems(context: Context, all: readonly Item[]): Promise<Record<string, number>> {
  const side = sideOf(context);
  const known = await rows(context).get(all.map(({ rank, key }) => ({ rank, key })));
  const written = new Set(known.filter(({ detail }) => "wrote" in detail).map(({ key }) => key));
  const ours = all.filter(({ key }) => written.has(key));
  const releaseOne = async ({ key, line }: Item): Promise<void> =>
    side.release?.(key, "object" in line ? managersInBackup(line.object, line.ref.apiVersion) : []);
  await Promise.all(ours.map(releaseOne));
  return { released: ours.length };
}

/** A ClusterInformation that the backup has not is unlocked as it was found. */
function lockManagers(key: string, backedUp: string | undefined, before: string | null): JsonObject[] {
  if (backedUp === undefined) return managersBefore(before);
  return managersInBackup(parseExactJson(backedUp) as JsonObject, refOfKey(key).apiVersion);
}

/** One that this run has created is deleted on the way back, although nothing on it tells whose it is any more. */
async function releaseDefinition(context: Context, name: string): Promise<void> {
  const ref = { ...crdResource, name };
  const found = await readTarget(context, ref);
  if (found === undefined || !isOurs(context, found)) return;
  await noteReleased(context, [{ id: objectId(ref), uid: textAt(found, "metadata", "uid") }]);
  const carried = await backedUpManagers(context, name);
  await release(context, ref, { releaseOf: () => ({ carried }) });
}

async function backedUpManagers(context: Context, name: string): Promise<JsonObject[]> {
  const part = (await decided(context)).pieces.definitions[name];
  if (part === undefined) return [];
  for await (const { line } of linesOf(context, part)) {
    const { data } = ObjectLine.safeParse(line);
    if (data?.ref.plural === crdResource.plural && textAt(data.object, "metadata", "name") === name)
      return managersInBackup(data.object, data.ref.apiVersion);
  }
  return [];
}
