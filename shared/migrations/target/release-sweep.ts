import { z } from "zod";
import type { StageContext, Sweep, SweepPlan } from "../../engine/migration.ts";
import type { BatchRecord, Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ListOptions, ListPage, ObjectRef, ResourceRef } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { listPage, orAbsent } from "./calls.ts";
import { isOurs } from "./ownership.ts";
import { hasTracesOfRuns, releaseFields } from "./release-fields.ts";
import { noteReleased } from "./released.ts";

/**
 * If at least one object in this many of a page has traces, the page is read as a whole: reading its objects one by
 * one would take longer.
 */
const FEW = 4;

/** `found`: how many objects this look has met that had traces. */
const Cursor = z.object({ resource: z.int(), continueToken: z.string().optional(), found: z.int() });
const START = { resource: 0, found: 0 };
const Place = z.object({ namespace: z.string().optional(), name: z.string() });
const Scope = z.object({
  plural: z.string(),
  places: z.array(Place),
  /** The page of the list that they are on, where it is to be read again as a whole. Older runs have none. */
  page: z.object({ continueToken: z.string().optional() }).optional(),
});

type Context<O> = StageContext<ClusterConnections, O>;

/** What is released, and to whom. */
export interface ReleaseTraits<O> {
  name: string;
  title: string;
  isDue?: (context: Context<O>) => Promise<boolean>;
  /** What is looked at, in the versions through which it is reached now; each plural once. */
  resourcesOf: (context: Context<O>) => Promise<readonly ResourceRef[]>;
  /** Versions that are served no longer, or soon. */
  renamed?: Readonly<Record<string, string>>;
  /** How objects are written, by the rights of the run. Default: patch. */
  by?: "patch" | "replace";
  /** The id of an object, which is the target of its checkpoint in the ledger `resources`. */
  idOf: (ref: ObjectRef) => string;
  /** Whose the fields are that this run lets go; `row` is the checkpoint of this very object. Default: nobody's. */
  managersOf?: (
    context: Context<O>,
    object: { plural: string; row: Checkpoint | undefined },
  ) => Promise<readonly JsonObject[]>;
}

/**
 * Takes every trace of runs, and of versions that go, off the managed fields of whole resources, and gives the fields to whom
 * they belong. Looks at everything, page by page, again and again until a whole look finds nothing. What no checkpoint knows
 * is told by its UID from then on (`releasedUids`).
 */
export function releaseSweep<O extends { batchSize: number }>(
  traits: ReleaseTraits<O>,
): Sweep<ClusterConnections, O> {
  return {
    kind: "sweep",
    name: traits.name,
    title: traits.title,
    plan: async (context, previous) => {
      if ((await traits.isDue?.(context)) === false) return { batches: [], done: true };
      return look(traits, context, previous === undefined ? START : Cursor.parse(previous));
    },
    work: async (context, batch) => ({ done: true, counts: await release(traits, context, batch) }),
  };
}

async function look<O extends { batchSize: number }>(
  traits: ReleaseTraits<O>,
  context: Context<O>,
  { resource, continueToken, found }: z.infer<typeof Cursor>,
): Promise<SweepPlan> {
  const ref = (await traits.resourcesOf(context))[resource];
  if (ref === undefined)
    return found === 0 ? { batches: [], done: true } : { batches: [], cursor: START, barrier: true };
  const page = await read(context, ref, { continueToken, metadataOnly: true });
  const { renamed = {} } = traits;
  const left = page.items.filter((object) => hasTracesOfRuns(object, { renamed }));
  await note(traits, context, ref, left);
  const isRead = left.length * FEW >= page.items.length;
  const at = continueToken === undefined ? {} : { continueToken };
  const scope = { plural: ref.plural, places: left.map(placeOf), ...(isRead ? { page: at } : {}) };
  const batches = left.length === 0 ? [] : [{ scope, size: left.length }];
  const next = page.continueToken;
  const onward = next === undefined ? { resource: resource + 1 } : { resource, continueToken: next };
  return { batches, cursor: { ...onward, found: found + left.length } };
}

/** A definition that is gone has no objects. */
async function read<O extends { batchSize: number }>(
  context: Context<O>,
  ref: ResourceRef,
  page: Pick<ListOptions, "continueToken" | "metadataOnly">,
): Promise<ListPage> {
  const options = { limit: context.options.batchSize, ...page };
  const listed = await orAbsent(listPage(context, ref, options, "onward"));
  return listed ?? { items: [], resourceVersion: "" };
}

function placeOf(object: JsonObject): { namespace?: string; name: string } {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return namespace === "" ? { name } : { namespace, name };
}

/** A worker may have died between its write and the checkpoint: such an object has none. */
async function note<O>(
  { idOf }: ReleaseTraits<O>,
  context: Context<O>,
  ref: ResourceRef,
  objects: readonly JsonObject[],
): Promise<void> {
  const ours = objects
    .filter((object) => isOurs(context, object))
    .map((object) => ({
      id: idOf({ ...ref, ...placeOf(object) }),
      uid: textAt(object, "metadata", "uid"),
    }));
  const known = await context.ledger("resources").findByTarget(ours.map(({ id }) => id));
  const uids = new Set(known.map(({ targetUid }) => targetUid));
  await noteReleased(
    context,
    ours.filter(({ uid }) => !uids.has(uid)),
  );
}

async function release<O extends { batchSize: number }>(
  traits: ReleaseTraits<O>,
  context: Context<O>,
  batch: Readonly<BatchRecord>,
): Promise<Record<string, number>> {
  const { renamed = {}, by = "patch", idOf, managersOf } = traits;
  const { plural, places, page } = Scope.parse(batch.scope);
  const ref = (await traits.resourcesOf(context)).find((one) => one.plural === plural);
  if (ref === undefined) throw new Error(`${traits.name} knows no ${plural}`);
  const refs = places.map((place) => ({ ...ref, ...place }));
  const rows = await context.ledger("resources").findByTarget(refs.map(idOf));
  const byTarget = new Map(rows.map((row) => [row.target, row]));
  const objects =
    page === undefined ? new Map<string, JsonObject>() : await objectsOn(idOf, context, ref, page);
  const releaseOne = async (object: ObjectRef): Promise<void> => {
    const known = byTarget.get(idOf(object));
    await releaseFields(context, object, {
      by,
      found: objects.get(idOf(object)),
      releaseOf: async (found) => {
        const row = known?.targetUid === textAt(found, "metadata", "uid") ? known : undefined;
        return { renamed, carried: (await managersOf?.(context, { plural, row })) ?? [] };
      },
    });
  };
  await Promise.all(refs.map(releaseOne));
  return { released: refs.length };
}

/**
 * The objects of a page, by their ids, in one request rather than one for each. What has changed since is refused when it is
 * written, and read again then; what is not among them is read then as well.
 */
async function objectsOn<O extends { batchSize: number }>(
  idOf: (ref: ObjectRef) => string,
  context: Context<O>,
  ref: ResourceRef,
  { continueToken }: { continueToken?: string | undefined },
): Promise<Map<string, JsonObject>> {
  try {
    const { items } = await read(context, ref, { continueToken });
    return new Map(items.map((object) => [idOf({ ...ref, ...placeOf(object) }), object]));
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_ANSWER_TOO_LARGE")) return new Map();
    throw error;
  }
}
