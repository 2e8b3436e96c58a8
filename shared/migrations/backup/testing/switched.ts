import { convertUid } from "../../../calico/uid.ts";
import type { JsonObject } from "../../../json.ts";
import { nativeApiService, savedApiService } from "../../../kubernetes/api-services.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { objectsAt, textAt } from "../../../kubernetes/fields.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import { API_SERVER_NAMESPACE, nativeCrds, OWNER } from "../../apiserver-to-crds/testing/cluster.ts";
import { jsonLines } from "../../artifact-lines.ts";
import type { Worker } from "../../testing/run-world.ts";
import { partsOf, readIndex, writeIndex } from "../index-file.ts";
import { partName } from "../parts.ts";
import { backUp, type RestoreWorld } from "./world.ts";

const OLD = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const SERVICE = { namespace: API_SERVER_NAMESPACE, name: "calico-api" };

/** What belongs to `OWNER` without being Calico's. */
const DEPENDANTS: readonly ObjectRef[] = ["mixed", "older", "shown"].map((name) => ({
  ...{ apiVersion: "v1", plural: "configmaps", namespace: "shop", name },
}));

/** A backup of a cluster with an aggregated API server, with the APIService in it, as `apiserver-to-crds` makes one. */
export async function backUpAggregated(world: RestoreWorld, worker: Worker): Promise<string> {
  const { namespace, name } = SERVICE;
  // Without its Service, an APIService is not put back.
  await world.cluster.create(
    { apiVersion: "v1", plural: "services", namespace },
    { apiVersion: "v1", kind: "Service", metadata: { namespace, name } },
  );
  const runId = await backUp(world, worker);
  const { artifacts } = worker.embedded;
  const { apiVersion, plural } = nativeApiService;
  const object = savedApiService(await world.cluster.get(nativeApiService));
  const part = partName({ run: { runId } }, "kubernetes", "v3-apiservice-")(0);
  await artifacts.write(part, jsonLines([{ ref: { apiVersion, plural }, object }]));
  const index = await readIndex(artifacts, runId);
  if (index !== undefined) await writeIndex(artifacts, { ...index, parts: await partsOf(artifacts, runId) });
  return runId;
}

/** Somebody migrates: native definitions serve the group, and what belongs to an object of Calico belongs to its native copy. */
export async function switchToNative({ cluster }: RestoreWorld): Promise<void> {
  const old = textAt(await cluster.get({ ...OWNER, apiVersion: OLD }), "metadata", "uid");
  for (const definition of nativeCrds()) await cluster.create(crdResource, definition);
  await cluster.delete(nativeApiService);
  const native = await cluster.create(
    { apiVersion: NATIVE, plural: OWNER.plural },
    { apiVersion: NATIVE, kind: "GlobalNetworkSet", metadata: { name: OWNER.name }, spec: {} },
  );
  const uid = textAt(native, "metadata", "uid");
  const isCalicos = (reference: JsonObject): boolean =>
    [old, convertUid(old)].includes(textAt(reference, "uid"));
  for (const ref of DEPENDANTS) {
    const references = objectsAt(await cluster.get(ref), "metadata", "ownerReferences");
    const ownerReferences = references.map((one) =>
      isCalicos(one) ? { ...one, apiVersion: NATIVE, uid } : one,
    );
    await cluster.patch(ref, { metadata: { ownerReferences } }, { type: "merge" });
  }
}

/** The owners of what belongs to `OWNER`, by name. */
export async function dependantsOwners({ cluster }: RestoreWorld): Promise<Record<string, JsonObject[]>> {
  const owners: Record<string, JsonObject[]> = {};
  for (const ref of DEPENDANTS)
    owners[ref.name] = objectsAt(await cluster.get(ref), "metadata", "ownerReferences");
  return owners;
}
