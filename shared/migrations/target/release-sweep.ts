import { z } from "zod";
import type { StageContext, Sweep, SweepPlan } from "../../engine/migration.ts";
import type { BatchRecord, Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ListPage, ObjectRef, ResourceRef } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { listPage, orAbsent } from "./calls.ts";
import { isOurs } from "./ownership.ts";
import { hasTracesOfRuns, releaseFields } from "./release-fields.ts";
import { noteReleased } from "./released.ts";

const PAGE = 500;

/** `found`: how many objects this look has met that had traces. */
const Cursor = z.object({ resource: z.int(), continueToken: z.string().optional(), found: z.int() });
const START = { resource: 0, found: 0 };
const Place = z.object({ namespace: z.string().optional(), name: z.string() });
const Scope = z.object({ plural: z.string(), places: z.array(Place) });

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
  const page = await read(context, ref, continueToken);
  const { renamed = {} } = traits;
  const left = page.items.filter((object) => hasTracesOfRuns(object, { renamed }));
  await note(traits, context, ref, left);
  const batches = chunks(left.map(placeOf), context.options.batchSize).map((places) => ({
    scope: { plural: ref.plural, places },
    size: places.length,
  }));
  const next = page.continueToken;
  const at = next === undefined ? { resource: resource + 1 } : { resource, continueToken: next };
  return { batches, cursor: { ...at, found: found + left.length } };
}

/** A definition that is gone has no objects. */
async function read<O>(
  context: Context<O>,
  ref: ResourceRef,
  continueToken: string | undefined,
): Promise<ListPage> {
  const options = { limit: PAGE, continueToken, metadataOnly: true };
  const page = await orAbsent(listPage(context, ref, options, "onward"));
  return page ?? { items: [], resourceVersion: "" };
}

function placeOf(object: JsonObject): { namespace?: string; name: string } {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return namespace === "" ? { name } : { namespace, name };
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}

/** What a worker has written with its last breath has no checkpoint. */
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

async function release<O>(
  traits: ReleaseTraits<O>,
  context: Context<O>,
  batch: Readonly<BatchRecord>,
): Promise<Record<string, number>> {
  const { renamed = {}, by = "patch", idOf, managersOf } = traits;
  const { plural, places } = Scope.parse(batch.scope);
  const ref = (await traits.resourcesOf(context)).find((one) => one.plural === plural);
  if (ref === undefined) throw new Error(`${traits.name} knows no ${plural}`);
  const refs = places.map((place) => ({ ...ref, ...place }));
  const rows = await context.ledger("resources").findByTarget(refs.map(idOf));
  const byTarget = new Map(rows.map((row) => [row.target, row]));
  const releaseOne = async (object: ObjectRef): Promise<void> => {
    const known = byTarget.get(idOf(object));
    await releaseFields(context, object, {
      by,
      releaseOf: async (found) => {
        const row = known?.targetUid === textAt(found, "metadata", "uid") ? known : undefined;
        return { renamed, carried: (await managersOf?.(context, { plural, row })) ?? [] };
      },
    });
  };
  await Promise.all(refs.map(releaseOne));
  return { released: refs.length };
}
