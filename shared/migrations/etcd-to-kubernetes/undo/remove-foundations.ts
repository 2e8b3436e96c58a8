import { z } from "zod";
import { PROTECTED_TIERS } from "../../../calico/built-in.ts";
import type { Ledger } from "../../../engine/ledger.ts";
import type { Action, StageOutcome } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import { crdResource, crdStates } from "../../../kubernetes/crds.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ObjectRef, ResourceRef } from "../../../kubernetes/types.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Context, decisions } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { foreignObjects, whyKept } from "../../target/foreign-objects.ts";
import { deleteIfOurs, isOurs } from "../../target/ownership.ts";
import { objectId, releasedUids } from "../../target/released.ts";
import { readTarget } from "../../target/calls.ts";
import { releaseFields } from "../../target/release-fields.ts";
import { isLastTry, type Removal, removeDefinition } from "../../target/remove-definition.ts";
import { clusterInformationRef } from "../target-lock.ts";
import { reads } from "../../target/reads.ts";

const POLL_MS = 1000;
const Prepared = z.object({
  createdCrds: z.array(z.string()).default([]),
  createsClusterInformation: z.boolean().default(false),
});

/**
 * Deletes the target's ClusterInformation and the CRDs, where this run created them. A CRD in which others have put something
 * since is kept with it: `leftovers` names both.
 */
export const removeTargetFoundations: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "remove-foundations",
  title: "delete the ClusterInformation and the CRDs that this run created, unless others use them",
  act: async (context) => {
    const prepared = await foundations(context);
    if (prepared.createsClusterInformation) {
      const ref = clusterInformationRef((await decisions(context)).targetGroup);
      await deleteIfOurs(context, ref, await releasedUids(context, [objectId(ref)]));
    }
    return removeCrds(context, prepared.createdCrds);
  },
};

/** What this run has created in the target before it copied. */
export async function foundations(context: Context): Promise<z.infer<typeof Prepared>> {
  return Prepared.parse(await context.notesOf("prepare-target"));
}

async function removeCrds(context: Context, names: readonly string[]): Promise<StageOutcome> {
  const left: string[] = [];
  const kept = new Set(
    (await leftovers(context).get(names.map((key) => ({ rank: 0, key })))).map(({ key }) => key),
  );
  const isLast = await isLastTry(context);
  for (const name of names) {
    const ref = { ...crdResource, name };
    const found = await readTarget(context, ref);
    if (found === undefined) continue;
    const removal = kept.has(name) ? "kept" : await removeCrd(context, found, isLast);
    if (typeof removal === "object") await leftovers(context).put([leftover(name, removal.kept)]);
    if (typeof removal === "object" || removal === "kept") await releaseFields(context, ref);
    else if (removal === "again" || (await isThere(context, name))) left.push(name);
  }
  if (left.length === 0) return { done: true };
  const message = `CRDs are still being deleted: ${left.join(", ")}`;
  return { wait: { reason: "Gate", message, retryAfterMs: POLL_MS } };
}

/** Deletes a definition where this run has created it and nobody else has anything in it. */
async function removeCrd(context: Context, crd: JsonObject, isLast: boolean): Promise<Removal> {
  if (textAt(crd, "metadata", "deletionTimestamp") !== "") return "deleted";
  const name = textAt(crd, "metadata", "name");
  const released = await releasedUids(context, [objectId({ ...crdResource, name })]);
  if (!isOurs(context, crd) && !released.has(textAt(crd, "metadata", "uid")))
    return { kept: "kept, as somebody else has created it anew" };
  const { targetGroup: apiVersion } = await decisions(context);
  const whyUsed = async (ref: ResourceRef): Promise<string | undefined> => {
    const known = (one: JsonObject): boolean => isOfCalico(ref.plural, one);
    // Copies are known by the version in which they were written, whichever they are read in.
    const oursOf = (page: readonly JsonObject[]) => writtenHere(context, { ...ref, apiVersion }, page);
    return whyKept(await foreignObjects(context, ref, { known, oursOf }));
  };
  return removeDefinition(context, crd, whyUsed, { isLast });
}

async function isThere(context: Context, name: string): Promise<boolean> {
  const [state] = await crdStates(reads(context), [name], { signal: context.signal });
  return state?.present === true;
}

async function writtenHere(
  context: Context,
  ref: ResourceRef,
  objects: readonly JsonObject[],
): Promise<readonly JsonObject[]> {
  const places = objects.map((object) => placeOf(ref, object));
  const released = await releasedUids(context, places.map(objectId));
  return objects.filter(
    (object) => isOurs(context, object) || released.has(textAt(object, "metadata", "uid")),
  );
}

function placeOf(ref: ResourceRef, object: JsonObject): ObjectRef {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return namespace === "" ? { ...ref, name } : { ...ref, namespace, name };
}

/** Calico makes these wherever it starts, and makes them again. */
function isOfCalico(plural: string, object: JsonObject): boolean {
  if (plural === "clusterinformations") return true;
  return plural === "tiers" && PROTECTED_TIERS.has(textAt(object, "metadata", "name"));
}

function leftover(crd: string, reason: string): Checkpoint {
  return { rank: 0, key: crd, target: crd, state: "pending", sourceRevision: 0, detail: { reason } };
}

function leftovers(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("leftovers");
}
