import { z } from "zod";
import { copiedResources, copiesAt, COPIES_ARE_WRITTEN_BY } from "../rehearsals.ts";
import type { Action, Sweep } from "../../../engine/migration.ts";
import { isJsonObject, type JsonObject } from "../../../json.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { Discovery } from "../../../kubernetes/discovery.ts";
import { objectsAt, textAt } from "../../../kubernetes/fields.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import type { ClusterConnections } from "../../connections.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { readTarget } from "../../target/calls.ts";
import { isOurs } from "../../target/ownership.ts";
import { releaseFields } from "../../target/release-fields.ts";
import { releaseSweep } from "../../target/release-sweep.ts";
import { noteReleased, objectId } from "../../target/released.ts";
import { manifestRef } from "../apply-manifest.ts";
import { rememberedObjects } from "../before-switch.ts";
import { type Context, decisions } from "../context.ts";
import { readRollbackManifest } from "../manifest.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { reads } from "../../target/reads.ts";

type AnyAction = Action<ClusterConnections, EtcdToKubernetesOptions>;
type AnySweep = Sweep<ClusterConnections, EtcdToKubernetesOptions>;

const Prepared = z.object({ createdCrds: z.array(z.string()).default([]) });

/**
 * Nobody knows who wrote to etcd. If nobody owned any field of an object, the API server would give all of them to
 * `before-first-apply` at the first apply, and then nobody could take a field off it. So this manager owns the member
 * `spec` itself, and nothing in it.
 */
const FROM_ETCD = {
  manager: "etcd",
  operation: "Update",
  fieldsType: "FieldsV1",
  fieldsV1: { "f:spec": {} },
};

/** Once Calico works on them: the late way back knows the copies by their UIDs. */
export const releaseCopies: AnySweep = { ...copies("release-copies"), changesCluster: true };

/** What the switch has applied is applied again by whoever keeps the manifest. */
export const releaseManifest: AnyAction = { ...manifest("release-manifest"), changesCluster: true };

/** What is left on the way back was there before, and belongs again to whom it belonged then. */
export const releaseCopiesBack = copies("release-copies-back");
export const releaseManifestBack = manifest("release-manifest-back");

function copies(name: string): AnySweep {
  return releaseSweep<EtcdToKubernetesOptions>({
    name,
    title: "take this run off the fields of the objects that it has copied",
    isDue: async (context) => (await context.stageOf("prepare-target")) !== undefined,
    resourcesOf: async (context) => copiedResources(copiesAt(await decisions(context))),
    by: COPIES_ARE_WRITTEN_BY,
    idOf: objectId,
    managersOf: async (context, { row }) => {
      const before = row === undefined ? undefined : detailOf(row).before;
      if (isJsonObject(before)) return managersOf(before);
      if (context.run.track === "rollback") return [];
      return [{ ...FROM_ETCD, apiVersion: (await decisions(context)).targetGroup }];
    },
  });
}

function manifest(name: string): AnyAction {
  return {
    kind: "action",
    name,
    title: "take this run off the fields of what it has applied",
    act: async (context) => {
      const isBack = context.run.track === "rollback";
      for (const { ref, before } of await rememberedObjects(context)) {
        if (before === null) await noteOurs(context, ref);
        const managers = isBack && before !== null ? managersOf(before) : [];
        await releaseFields(context, ref, { releaseOf: () => ({ carried: managers }) });
      }
      for (const ref of isBack ? await rollbackRefs(context) : await createdCrds(context)) {
        await noteOurs(context, ref);
        await releaseFields(context, ref);
      }
      return { done: true };
    },
  };
}

/** What was not there before is deleted on the late way back. */
async function noteOurs(context: Context, ref: ObjectRef): Promise<void> {
  const found = await readTarget(context, ref);
  if (found === undefined || !isOurs(context, found)) return;
  await noteReleased(context, [{ id: objectId(ref), uid: textAt(found, "metadata", "uid") }]);
}

async function createdCrds(context: Context): Promise<ObjectRef[]> {
  const { createdCrds: names } = Prepared.parse(await context.notesOf("prepare-target"));
  return names.map((name) => ({ ...crdResource, name }));
}

async function rollbackRefs(context: Context): Promise<ObjectRef[]> {
  if ((await context.stageOf("switch")) === undefined) return [];
  const objects = (await readRollbackManifest(context)) ?? [];
  const discovery = new Discovery(reads(context));
  return Promise.all(objects.map((object) => manifestRef(discovery, object)));
}

function managersOf(object: JsonObject): JsonObject[] {
  return objectsAt(object, "metadata", "managedFields");
}
