import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import { toNative } from "../../../calico/native/to-native.ts";
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
  const { apiVersion, plural } = nativeApiService;
  const object = savedApiService(await world.cluster.get(nativeApiService));
  await addPart(worker, { runId, kind: "v3-apiservice-" }, [{ ref: { apiVersion, plural }, object }]);
  return runId;
}

/** Adds a part to a backup, as a migration adds its own. */
export async function addPart(
  { embedded: { artifacts } }: Worker,
  { runId, kind }: { runId: string; kind: string },
  lines: JsonObject[],
): Promise<void> {
  await artifacts.write(partName({ run: { runId } }, "kubernetes", kind)(0), jsonLines(lines));
  const index = await readIndex(artifacts, runId);
  if (index !== undefined) await writeIndex(artifacts, { ...index, parts: await partsOf(artifacts, runId) });
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

/** What a migration copies natively: all that the old group has, but for `OWNER`, which `switchToNative` has copied. */
export async function copyToNative({ cluster }: RestoreWorld): Promise<void> {
  for (const { v1Plural, plural } of NATIVE_KINDS)
    for (const v1 of (await cluster.list({ apiVersion: OLD, plural: v1Plural })).items) {
      const native = toNative(v1);
      if (native.outcome !== "carry" || native.target.name === OWNER.name) continue;
      const { namespace } = native.target;
      const place = namespace === undefined ? {} : { namespace };
      await cluster.create({ apiVersion: NATIVE, plural, ...place }, native.object);
    }
}

/** The owners of what belongs to `OWNER`, by name. */
export async function dependantsOwners({ cluster }: RestoreWorld): Promise<Record<string, JsonObject[]>> {
  const owners: Record<string, JsonObject[]> = {};
  for (const ref of DEPENDANTS)
    owners[ref.name] = objectsAt(await cluster.get(ref), "metadata", "ownerReferences");
  return owners;
}
