import { z } from "zod";
import type { Action, StageOutcome } from "../../engine/migration.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { inServedRef } from "../../kubernetes/admission.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { Discovery } from "../../kubernetes/discovery.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef, ResourceRef } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { foreignObjects, whyKept } from "../target/foreign-objects.ts";
import { isOurs } from "../target/ownership.ts";
import { deleteTarget, readTarget } from "../target/calls.ts";
import type { Context } from "./context.ts";
import type { ApiserverToCrdsOptions } from "./options.ts";
import { forgetTakenAlong, LEFTOVERS } from "./undo/leftovers.ts";
import { writtenByRun } from "./run-objects.ts";
import { nativeCrdNames, otherRunsOnDefinitions } from "./native-definitions.ts";
import { close } from "./second-version.ts";
import { reads } from "../target/reads.ts";
import { isLastTry, keepDefinition, type Removal, removeDefinition } from "../target/remove-definition.ts";

const POLL_MS = 1000;

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

/** Each as it is now: a definition of that name that somebody else has created is not this run's. */
async function removeDefinitions(context: Context, created: readonly Created[]): Promise<StageOutcome> {
  const left = new Set(leftOf(context));
  const others = await otherRunsOnDefinitions(context);
  const isLast = await isLastTry(context);
  const open: string[] = [];
  for (const { ref, uid = "" } of created) {
    const found = left.has(ref.name) ? undefined : await readTarget(context, ref);
    if (found === undefined || textAt(found, "metadata", "uid") !== uid) continue;
    const [other] = others.get(ref.name) ?? [];
    const removal = await removeOne(context, found, { isLast, other });
    if (typeof removal === "object") {
      await context.ledger(LEFTOVERS).put([leftover(ref.name, removal.kept)]);
      await context.record({ left: [...left.add(ref.name)] });
    } else open.push(ref.name);
  }
  if (open.length > 0) return waitFor(`CRDs are being deleted: ${open.join(", ")}`);
  await close(context, [...left].filter(isNative));
  await forgetTakenAlong(context);
  return { done: true };
}

/** While an aggregated API server serves v3, the objects of a native definition are seen by the last look alone. */
async function removeOne(
  context: Context,
  crd: JsonObject,
  { isLast, other }: { isLast: boolean; other: string | undefined },
): Promise<Removal> {
  if (textAt(crd, "metadata", "deletionTimestamp") !== "") return "deleted";
  if (other !== undefined)
    return keepDefinition(context, crd, `kept, as run ${other} of another store uses it`);
  const isHidden = isNative(textAt(crd, "metadata", "name"));
  return removeDefinition(context, crd, (ref) => whyUsed(context, ref), { isHidden, isLast });
}

/** Why a definition is kept; undefined where it holds nothing of anybody else. */
async function whyUsed(context: Context, ref: ResourceRef): Promise<string | undefined> {
  const oursOf = (page: readonly JsonObject[]) => writtenByRun(context, ref.plural, page);
  return whyKept(await foreignObjects(context, ref, { oursOf }));
}

function leftover(crd: string, reason: string): Checkpoint {
  const target = `${crdResource.apiVersion}/${crdResource.plural}/${crd}`;
  return { rank: 0, key: target, target, state: "pending", sourceRevision: 0, detail: { reason } };
}

function isNative(crd: string): boolean {
  return nativeCrdNames().includes(crd);
}

function leftOf(context: Context): string[] {
  const { left } = context.notes;
  return Array.isArray(left) ? left.map(String) : [];
}

function waitFor(message: string): StageOutcome {
  return { wait: { reason: "Gate", message, retryAfterMs: POLL_MS } };
}
