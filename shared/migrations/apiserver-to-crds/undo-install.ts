import { z } from "zod";
import type { Action, StageOutcome } from "../../engine/migration.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { inServedRef } from "../../kubernetes/admission.ts";
import { crdResource, crdStates } from "../../kubernetes/crds.ts";
import { Discovery } from "../../kubernetes/discovery.ts";
import { objectsAt, textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef, ResourceRef } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { foreignObjects, whyKept } from "../target/foreign-objects.ts";
import { isOurs } from "../target/ownership.ts";
import { deleteTarget, readTarget } from "../target/calls.ts";
import type { Context } from "./context.ts";
import type { ApiserverToCrdsOptions } from "./options.ts";
import { LEFTOVERS } from "./undo/leftovers.ts";
import { writtenByRun } from "./run-objects.ts";
import { nativeCrdNames, otherRunsOnDefinitions } from "./native-definitions.ts";
import { close, openAgain } from "./second-version.ts";
import { reads } from "../target/reads.ts";

const POLL_MS = 1000;
/** How long it waits to see into definitions before it leaves them. Milliseconds. */
const OPEN_MS = 60_000;

/** An object that this run has created, or was about to. */
const Created = z.object({
  ref: z.object({
    apiVersion: z.string(),
    plural: z.string(),
    namespace: z.string().optional(),
    name: z.string(),
  }),
  /** Absent until it is known to be this run's. */
  uid: z.string().optional(),
});
export type Created = z.infer<typeof Created>;

/** What `install-crds` records: what was missing, before the first of it is created. */
export const InstallNotes = z.object({ created: z.array(Created).default([]) });

/** Deletes what `install-crds` has created. Definitions that hold objects of others are left, and the notes name them. */
export const removeCrds: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "remove-crds",
  title: "delete the native CRDs and admission policies that this run created, unless others use them",
  act: async (context) => {
    return removeDefinitions(context, await removeCreated(context, "install-crds"));
  },
};

/** Deletes what a stage has created, definitions excepted: gives these. */
export async function removeCreated(context: Context, stage: string): Promise<Created[]> {
  const created = await createdBy(context, stage);
  const known = await Promise.all(created.map((one) => identified(context, one)));
  const ours = known.filter(({ uid }) => uid !== undefined);
  for (const one of ours.filter((each) => !isCrdRef(each.ref))) await remove(context, one);
  return ours.filter(({ ref }) => isCrdRef(ref));
}

/**
 * What a stage has created, or was about to: admission policies where they are by now, as the cluster may have been upgraded
 * since, and serve other versions.
 */
export async function createdBy(context: Context, stage: string): Promise<Created[]> {
  const { created } = InstallNotes.parse(await context.notesOf(stage));
  const discovery = new Discovery(reads(context));
  const { signal } = context;
  return Promise.all(
    created.map(async (one) => ({ ...one, ref: await inServedRef(discovery, one.ref, { signal }) })),
  );
}

/** With the object's UID if this run has created it: one of that name that somebody else has created is not its to delete. */
export async function identified(context: Context, created: Created): Promise<Created> {
  if (created.uid !== undefined) return created;
  const object = await readTarget(context, created.ref);
  if (object === undefined || !isOurs(context, object)) return created;
  return { ...created, uid: textAt(object, "metadata", "uid") };
}

function isCrdRef({ plural }: ObjectRef): boolean {
  return plural === crdResource.plural;
}

async function remove(context: Context, { ref, uid = "" }: Created): Promise<void> {
  await deleteTarget(context, ref, uid);
}

/** While an aggregated API server serves v3, the objects of the definitions are seen through the second version alone. */
async function removeDefinitions(context: Context, created: readonly Created[]): Promise<StageOutcome> {
  const states = await crdStates(
    reads(context),
    created.map(({ ref }) => ref.name),
  );
  const present = created.filter((_, index) => states[index]?.present);
  const left = new Set(leftOf(context));
  const open = present.filter(({ ref }) => !left.has(ref.name));
  if (open.length === 0) {
    await close(context, [...left].filter(isNative));
    return { done: true };
  }
  const deleting = open.filter(({ ref }) => states.some((one) => one.name === ref.name && !one.established));
  const judged = open.filter((one) => !deleting.includes(one));
  const native = judged.map(({ ref }) => ref.name).filter(isNative);
  const hidden = native.length === 0 ? undefined : await openAgain(context, native);
  if (hidden !== undefined && !(await isOverdue(context))) return waitFor(hidden);
  await deleteUnused(context, judged, hidden);
  return waitFor(`CRDs are being deleted: ${open.map(({ ref }) => ref.name).join(", ")}`);
}

async function deleteUnused(
  context: Context,
  created: readonly Created[],
  hidden: string | undefined,
): Promise<void> {
  const left = leftOf(context);
  const others = await otherRunsOnDefinitions(context);
  for (const one of created) {
    const { name } = one.ref;
    const [other] = others.get(name) ?? [];
    const reason =
      other !== undefined
        ? `kept, as run ${other} of another store uses it`
        : isNative(name) && hidden !== undefined
          ? `kept, as it cannot be looked into: ${hidden}`
          : await whyUsed(context, name);
    if (reason === undefined) await remove(context, one);
    else {
      left.push(name);
      await context.ledger(LEFTOVERS).put([leftover(name, reason)]);
    }
  }
  await context.record({ left });
}

/** Why a definition is kept; undefined where it holds nothing of anybody else. */
async function whyUsed(context: Context, crd: string): Promise<string | undefined> {
  const ref = await objectsOf(context, crd);
  if (ref === undefined) return undefined;
  const oursOf = (page: readonly JsonObject[]) => writtenByRun(context, ref.plural, page);
  return whyKept(await foreignObjects(context, ref, { oursOf }));
}

function leftover(crd: string, reason: string): Checkpoint {
  const target = `${crdResource.apiVersion}/${crdResource.plural}/${crd}`;
  return { rank: 0, key: target, target, state: "pending", sourceRevision: 0, detail: { reason } };
}

/** Where the objects of a definition are read; a manifest may bring other definitions than the native ones. */
async function objectsOf(context: Context, crd: string): Promise<ResourceRef | undefined> {
  if (isNative(crd))
    return { apiVersion: "projectcalico.org/v3precopy", plural: crd.slice(0, crd.indexOf(".")) };
  const found = await readTarget(context, { ...crdResource, name: crd });
  const served = objectsAt(found ?? {}, "spec", "versions").find((one) => one["served"] === true);
  if (found === undefined || served === undefined) return undefined;
  const apiVersion = `${textAt(found, "spec", "group")}/${textAt(served, "name")}`;
  return { apiVersion, plural: textAt(found, "spec", "names", "plural") };
}

function isNative(crd: string): boolean {
  return nativeCrdNames().includes(crd);
}

async function isOverdue(context: Context): Promise<boolean> {
  const { openingAt } = context.notes;
  const now = context.clock.now();
  if (typeof openingAt === "number") return now - openingAt > OPEN_MS;
  await context.record({ openingAt: now });
  return false;
}

function leftOf(context: Context): string[] {
  const { left } = context.notes;
  return Array.isArray(left) ? left.map(String) : [];
}

function waitFor(message: string): StageOutcome {
  return { wait: { reason: "Gate", message, retryAfterMs: POLL_MS } };
}
