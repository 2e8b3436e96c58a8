import { crdName, type TargetGroup } from "../../calico/kinds.ts";
import type { TargetObject } from "../../calico/target.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { objectAt, objectsAt, textAt } from "../../kubernetes/fields.ts";
import { applyDefaults } from "../../kubernetes/structural-schema.ts";
import type { KubernetesApi } from "../../kubernetes/types.ts";
import type { AnyContext } from "../context.ts";
import { call, orAbsent } from "./calls.ts";
import { fit } from "./fit.ts";

const cached = new WeakMap<KubernetesApi, Map<string, Promise<JsonObject | undefined>>>();

/** The object as it is written: fitted to its CRD as the cluster has it. */
export async function fitted(
  context: AnyContext,
  targetGroup: TargetGroup,
  kind: string,
  object: TargetObject,
): Promise<TargetObject> {
  const schema = await crdSchema(context, kind, targetGroup);
  return schema === undefined ? object : fit(schema, object).object;
}

/** The object as it is written and as the API server then completes it with the defaults of its CRD. */
export async function withServerDefaults(
  context: AnyContext,
  targetGroup: TargetGroup,
  kind: string,
  object: TargetObject,
): Promise<TargetObject> {
  const schema = await crdSchema(context, kind, targetGroup);
  return schema === undefined ? object : (applyDefaults(schema, fit(schema, object).object) as TargetObject);
}

/**
 * True where the status of a kind is written apart from the object, as the cluster's CRD has it: Calico's own CRDs differ in
 * this from version to version.
 */
export async function writesStatusApart(
  context: AnyContext,
  kind: string,
  group: TargetGroup,
): Promise<boolean> {
  const version = await crdVersion(context, kind, group);
  return version === undefined || isJsonObject(objectAt(version, "subresources")["status"]);
}

async function crdSchema(
  context: AnyContext,
  kind: string,
  group: TargetGroup,
): Promise<JsonObject | undefined> {
  const version = await crdVersion(context, kind, group);
  return version === undefined ? undefined : schemaIn(version);
}

/** The version of a kind's CRD as the cluster has it; undefined where there is no CRD. Read once per connection. */
async function crdVersion(
  context: AnyContext,
  kind: string,
  group: TargetGroup,
): Promise<JsonObject | undefined> {
  const name = crdName(kind, group);
  if (name === undefined) return undefined;
  const { kubernetes } = context.connections;
  const known = cached.get(kubernetes) ?? new Map<string, Promise<JsonObject | undefined>>();
  cached.set(kubernetes, known);
  const reading = known.get(name) ?? readVersion(context, name, group);
  known.set(name, reading);
  // A definition that is not there yet may come.
  void reading.then((version) => version ?? known.delete(name)).catch(() => known.delete(name));
  return reading;
}

async function readVersion(
  context: AnyContext,
  name: string,
  group: TargetGroup,
): Promise<JsonObject | undefined> {
  const crd = await orAbsent(
    call(context, () => context.connections.kubernetes.get({ ...crdResource, name })),
  );
  return crd === undefined ? undefined : versionIn(crd, group.slice(group.indexOf("/") + 1));
}

/** The schema of one version of a CRD; undefined when it has none. */
export function schemaOf(crd: JsonObject, version: string): JsonObject | undefined {
  return schemaIn(versionIn(crd, version) ?? {});
}

function versionIn(crd: JsonObject, name: string): JsonObject | undefined {
  return objectsAt(crd, "spec", "versions").find((one) => textAt(one, "name") === name);
}

function schemaIn(version: JsonObject): JsonObject | undefined {
  const schema = objectAt(version, "schema", "openAPIV3Schema");
  return Object.keys(schema).length === 0 ? undefined : schema;
}
