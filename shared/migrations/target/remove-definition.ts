import { z } from "zod";
import type { StageContext } from "../../engine/migration.ts";
import type { JsonObject } from "../../json.ts";
import { crdResource, crdState } from "../../kubernetes/crds.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import {
  closedForLastLook,
  isClosedForLastLook,
  LAST_LOOK,
  openedAfterLastLook,
  whyNotClosable,
} from "../../kubernetes/last-look.ts";
import type { ObjectRef, ResourceRef } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { type AnyContext, fieldManager } from "../context.ts";
import { call, orAbsent, WRITE_TIMEOUT_MS } from "./calls.ts";

/** What has become of a definition: it is on its way out, kept for a reason, or to be looked at again in a moment. */
export type Removal = "deleted" | "again" | { kept: string };

/** How often it is tried to close definitions before they are left: about a minute. Time in which no worker lives does not count. */
const TRIES = 60;
const PUT_BACK = "kept, as somebody puts it back while it is closed to be looked into once more";

/** How often a stage has looked at its definitions, since this resumption of the run. */
const Tries = z.object({ count: z.number(), resumedAt: z.number() });

/** Where a look at a definition may differ. */
interface Look {
  /** True where somebody else serves its group, so that the last look is the only one. Default false. */
  isHidden?: boolean;
  /** True where it has been tried long enough: what cannot be closed now is kept. */
  isLast: boolean;
}

type LookingContext = Pick<StageContext<ClusterConnections, unknown>, "run" | "notes" | "record">;

/** Says why a definition is kept, of the objects of this resource. */
type WhyUsed = (ref: ResourceRef) => Promise<string | undefined>;

/**
 * Deletes a definition with all that it holds, unless somebody uses it. What somebody creates between the look and the deletion
 * would go with it: so once nobody is seen to use it, it is served under a name that nobody knows, and looked into once more.
 * A definition that cannot be served so is kept. To be called until it is not "again", each time with the definition as it is then.
 */
export async function removeDefinition(
  context: AnyContext,
  crd: JsonObject,
  whyUsed: WhyUsed,
  look: Look,
): Promise<Removal> {
  if (look.isLast && !isClosedForLastLook(crd)) return keepDefinition(context, crd, PUT_BACK);
  const removal = await tryToRemove(context, crd, whyUsed, look);
  return look.isLast && removal === "again" ? keepDefinition(context, crd, PUT_BACK) : removal;
}

/**
 * Counts this look of a stage at its definitions: true where it is the last one. Whoever resumes the run may have stopped those
 * who put definitions back: it is tried anew then.
 */
export async function isLastTry(context: LookingContext): Promise<boolean> {
  const resumedAt = context.run.resumedAt ?? 0;
  const known = Tries.safeParse(context.notes["tries"]).data;
  const count = known?.resumedAt === resumedAt ? known.count : 0;
  await context.record({ tries: { count: count + 1, resumedAt } });
  return count >= TRIES;
}

async function tryToRemove(
  context: AnyContext,
  crd: JsonObject,
  whyUsed: WhyUsed,
  { isHidden = false }: Look,
): Promise<Removal> {
  const isClosed = isClosedForLastLook(crd);
  if (isClosed && !(await isShut(context, crd, isHidden))) return "again";
  if (isClosed || !isHidden) {
    const reason = await whyUsed(resourceOf(crd, isClosed ? LAST_LOOK : crdState(crd).served[0]));
    if (reason !== undefined) return keepDefinition(context, crd, reason);
  }
  // In a definition that was never established nobody can have created anything.
  if (isClosed || !crdState(crd).established)
    return (await written(() => remove(context, crd))) ? "deleted" : "again";
  const closed = closedForLastLook(crd);
  if (closed === undefined) return { kept: unclosable(crd) };
  await written(() => patch(context, crd, closed));
  return "again";
}

/** Leaves a definition, for this reason, serving what it served before it was looked into. */
export async function keepDefinition(context: AnyContext, crd: JsonObject, reason: string): Promise<Removal> {
  const opened = openedAfterLastLook(crd);
  const isOpen = opened === undefined || (await written(() => patch(context, crd, opened)));
  return isOpen ? { kept: reason } : "again";
}

function unclosable(crd: JsonObject): string {
  const reason = whyNotClosable(crd) ?? "it has changed";
  return `kept, as somebody might use it right before it is deleted, and it cannot be closed to everybody before: ${reason}`;
}

/** The API server hears of a change to a definition a moment after it has taken it. */
async function isShut(context: AnyContext, crd: JsonObject, isHidden: boolean): Promise<boolean> {
  if (isHidden) return isServed(context, resourceOf(crd, LAST_LOOK));
  return !(await isServed(context, resourceOf(crd, crdState(crd).storage)));
}

function refOf(crd: JsonObject): ObjectRef {
  return { ...crdResource, name: textAt(crd, "metadata", "name") };
}

function resourceOf(crd: JsonObject, version = "v1"): ResourceRef {
  const name = textAt(crd, "metadata", "name");
  const [plural, group] = [name.slice(0, name.indexOf(".")), name.slice(name.indexOf(".") + 1)];
  return { apiVersion: `${group}/${version}`, plural };
}

async function isServed(context: AnyContext, ref: ResourceRef): Promise<boolean> {
  const options = { limit: 1, metadataOnly: true, signal: context.signal };
  return (
    (await orAbsent(call(context, () => context.connections.kubernetes.list(ref, options)))) !== undefined
  );
}

/** False where somebody has written to the definition since it was read, or it is gone. */
async function written(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return false;
    if (isKubernetesError(error, "KUBERNETES_CONFLICT")) return false;
    throw error;
  }
}

function patch(context: AnyContext, crd: JsonObject, body: JsonObject): Promise<JsonObject> {
  const options = {
    type: "merge",
    fieldManager: fieldManager(context),
    timeoutMs: WRITE_TIMEOUT_MS,
  } as const;
  return call(context, () => context.connections.kubernetes.patch(refOf(crd), body, options));
}

function remove(context: AnyContext, crd: JsonObject): Promise<JsonObject> {
  const [uid, resourceVersion] = ["uid", "resourceVersion"].map((name) => textAt(crd, "metadata", name));
  const options = {
    uid,
    resourceVersion,
    propagationPolicy: "Background",
    timeoutMs: WRITE_TIMEOUT_MS,
  } as const;
  return call(context, () => context.connections.kubernetes.delete(refOf(crd), options));
}
