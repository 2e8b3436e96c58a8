import { z } from "zod";
import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import { ledgerPages } from "../../../engine/ledger.ts";
import type { Sweep, SweepPlan } from "../../../engine/migration.ts";
import type { CheckpointState } from "../../../engine/records.ts";
import { errorMessage } from "../../../errors.ts";
import type { JsonObject } from "../../../json.ts";
import { KubernetesApiError } from "../../../kubernetes/errors.ts";
import { objectAt, textAt } from "../../../kubernetes/fields.ts";
import type { ObjectRef, ResourceRef } from "../../../kubernetes/types.ts";
import type { ClusterConnections } from "../../connections.ts";
import { fieldManager } from "../../context.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { WRITE_TIMEOUT_MS, call, deleteTarget, listPage, orAbsent } from "../../target/calls.ts";
import { type Context, isPrecopied, resources, SECOND, wasPrecopied } from "../context.ts";
import { throughNative } from "../native-access.ts";
import { definedOf, nativeCrdNames } from "../native-definitions.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { idOf, KIND_OF, placeOf, writtenByRun } from "../run-objects.ts";
import { patientSweep } from "./patience.ts";

const PAGE = 500;
const RANK = 1;
const COPIED = NATIVE_KINDS.map(({ plural }) => plural);

const Cursor = z.object({ resource: z.int(), continueToken: z.string().optional() });
const Ref = z.object({
  plural: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
  uid: z.string(),
});
type Ref = z.infer<typeof Ref>;
const Scope = z.object({ refs: z.array(Ref) });

type Stage = Sweep<ClusterConnections, ApiserverToCrdsOptions>;

/** Native objects of this run that could not be deleted: `reason` in the detail says why. */
export const LEFTOVERS = "leftovers";
/** What is still left: a row is `reverted` once its definition has taken the object along. */
export const STILL_LEFT: readonly CheckpointState[] = ["pending", "failed"];

/**
 * Looks through the native objects once more after all copies were deleted: what a worker has written with its last breath,
 * after its lease had expired, has no checkpoint. Through the second version, which is closed afterwards.
 */
export const deleteLeftovers = throughNative(
  leftoversStage("delete-leftovers", {
    version: SECOND,
    plurals: [...COPIED, "clusterinformations"],
    isDue: wasPrecopied,
  }),
  () => Promise.resolve(false),
);

/**
 * The same without a second version, before the aggregated API server is back and hides native objects. The native lock is
 * still needed: it tells who serves projectcalico.org/v3.
 */
export const deleteLeftoversEarly = patientSweep(
  throughNative(
    leftoversStage("delete-leftovers-early", {
      version: "projectcalico.org/v3",
      plurals: COPIED,
      isDue: async (context) => !(await isPrecopied(context)),
    }),
    () => Promise.resolve(true),
  ),
);

interface LeftoverTraits {
  version: string;
  plurals: readonly string[];
  isDue: (context: Context) => Promise<boolean>;
}

function leftoversStage(name: string, { version, plurals, isDue }: LeftoverTraits): Stage {
  return {
    kind: "sweep",
    name,
    title: "delete what else of this run is left in the native group",
    plan: async (context, previous) => {
      if (!(await isDue(context))) return { batches: [], done: true };
      const cursor = previous === undefined ? { resource: 0 } : Cursor.parse(previous);
      const plural = plurals[cursor.resource];
      if (plural === undefined) return { batches: [], done: true };
      return planPage(context, { apiVersion: version, plural }, cursor);
    },
    work: async (context, batch) => {
      const { refs } = Scope.parse(batch.scope);
      const outcomes = await Promise.all(refs.map((ref) => remove(context, version, ref)));
      return { done: true, counts: { deleted: outcomes.filter(Boolean).length } };
    },
  };
}

async function planPage(
  context: Context,
  ref: ResourceRef,
  { resource, continueToken }: z.infer<typeof Cursor>,
): Promise<SweepPlan> {
  const options = { limit: PAGE, continueToken, metadataOnly: true };
  const page = await orAbsent(listPage(context, ref, options, "onward"));
  const refs = await leftOf(context, ref.plural, page?.items ?? []);
  const next = page?.continueToken;
  const cursor = next === undefined ? { resource: resource + 1 } : { resource, continueToken: next };
  return { batches: refs.length === 0 ? [] : [{ scope: { refs }, size: refs.length }], cursor };
}

/** What was there before this run, and got back what it was, is not this run's although it has written it. */
async function leftOf(context: Context, plural: string, items: readonly JsonObject[]): Promise<Ref[]> {
  const written = await writtenByRun(context, plural, items);
  const ours = written.map((item) => ({ ...placeOf(plural, item), uid: textAt(item, "metadata", "uid") }));
  const rows = await resources(context).findByTarget(ours.map(idOf));
  const restored = new Set(
    rows.filter((row) => detailOf(row).before !== undefined).map(({ target }) => target),
  );
  const isLock = plural === "clusterinformations" && (await hadNativeLock(context));
  return isLock ? [] : ours.filter((ref) => !restored.has(idOf(ref)));
}

async function hadNativeLock(context: Context): Promise<boolean> {
  const [lock, removal] = [await context.notesOf("lock"), await context.notesOf("remove-apiservice")];
  return (removal["nativeBefore"] ?? lock["nativeBefore"] ?? null) !== null;
}

/** False for what the cluster does not let go, such as built-in tiers: it is noted. */
async function remove(context: Context, apiVersion: string, { uid, ...rest }: Ref): Promise<boolean> {
  const ref = { ...rest, apiVersion };
  try {
    await withoutFinalizers(context, ref, uid);
    await deleteTarget(context, ref, uid);
    return true;
  } catch (error) {
    if (!(error instanceof KubernetesApiError) || error.retryable) throw error;
    await note(context, ref, errorMessage(error));
    return false;
  }
}

/** Once definitions are deleted: nothing is left of what could not be deleted in them one by one, such as built-in tiers. */
export async function forgetTakenAlong(context: Context): Promise<void> {
  const there = new Set(await definedOf(context, nativeCrdNames()));
  const query = { rank: RANK, states: ["failed"], limit: PAGE } as const;
  for await (const page of ledgerPages(context.ledger(LEFTOVERS), query)) {
    const taken = page.filter(({ detail }) => !there.has(definitionOf(textAt(detail, "kind"))));
    await context.ledger(LEFTOVERS).put(taken.map((row) => ({ ...row, state: "reverted" })));
  }
}

function definitionOf(kind: string): string {
  const [plural] = [...KIND_OF].find(([, one]) => one === kind) ?? [kind];
  return `${plural}.projectcalico.org`;
}

/** The finalizers of a copy are those of its v1 object: whoever set them there has never seen the copy. */
async function withoutFinalizers(context: Context, ref: ObjectRef, uid: string): Promise<void> {
  const { kubernetes } = context.connections;
  const object = await orAbsent(call(context, () => kubernetes.get(ref, { signal: context.signal })));
  if (object === undefined || textAt(object, "metadata", "uid") !== uid) return;
  if (!Array.isArray(objectAt(object, "metadata")["finalizers"])) return;
  const options = {
    type: "merge",
    fieldManager: fieldManager(context),
    timeoutMs: WRITE_TIMEOUT_MS,
  } as const;
  const patch = { metadata: { uid, finalizers: null } };
  await orAbsent(call(context, () => kubernetes.patch(ref, patch, options)));
}

async function note(context: Context, { plural, namespace, name }: ObjectRef, reason: string): Promise<void> {
  const target = idOf({ plural, namespace, name });
  const row = { rank: RANK, key: target, target, state: "failed" as const, sourceRevision: 0 };
  await context.ledger(LEFTOVERS).put([{ ...row, detail: { kind: KIND_OF.get(plural) ?? "", reason } }]);
}
