import { crdName, type TargetGroup } from "../../calico/kinds.ts";
import type { TargetObject } from "../../calico/target.ts";
import type { JsonObject } from "../../json.ts";
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

/** The schema of a kind's CRD as the cluster has it; undefined where there is no CRD. Read once per connection. */
async function crdSchema(
  context: AnyContext,
  kind: string,
  group: TargetGroup,
): Promise<JsonObject | undefined> {
  const name = crdName(kind, group);
  if (name === undefined) return undefined;
  const { kubernetes } = context.connections;
  const known = cached.get(kubernetes) ?? new Map<string, Promise<JsonObject | undefined>>();
  cached.set(kubernetes, known);
  const reading = known.get(name) ?? readSchema(context, name, group);
  known.set(name, reading);
  // A definition that is not there yet may come.
  void reading.then((schema) => schema ?? known.delete(name)).catch(() => known.delete(name));
  return reading;
}

async function readSchema(
  context: AnyContext,
  name: string,
  group: TargetGroup,
): Promise<JsonObject | undefined> {
  const crd = await orAbsent(
    call(context, () => context.connections.kubernetes.get({ ...crdResource, name })),
  );
  return crd === undefined ? undefined : schemaOf(crd, group.slice(group.indexOf("/") + 1));
}

/** The schema of one version of a CRD; undefined when it has none. */
export function schemaOf(crd: JsonObject, version: string): JsonObject | undefined {
  const found = objectsAt(crd, "spec", "versions").find((one) => textAt(one, "name") === version);
  const schema = found === undefined ? {} : objectAt(found, "schema", "openAPIV3Schema");
  return Object.keys(schema).length === 0 ? undefined : schema;
}
