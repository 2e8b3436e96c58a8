import { crdNames, type TargetGroup } from "../../../calico/kinds.ts";
import type { JsonObject } from "../../../json.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { KubernetesApi } from "../../../kubernetes/types.ts";
import { type Context, conversion } from "../context.ts";
import { isCrd } from "../../manifests.ts";
import { readHomes } from "../homes.ts";
import { readManifest } from "../manifest.ts";
import { schemaOf } from "../../target/schemas.ts";
import { call, orAbsent } from "../../target/calls.ts";
import { type Surroundings, schemaVersion } from "./read-resources.ts";

const cached = new WeakMap<KubernetesApi, { reading: string; surroundings: Surroundings }>();

/** What the target has that resources need: namespaces, nodes and CRD schemas. Read once for a reading of the source and a process. */
export async function surroundingsOf(context: Context): Promise<Surroundings> {
  const { kubernetes } = context.connections;
  const known = cached.get(kubernetes);
  const { runId, retriesSeen } = context.run;
  const reading = JSON.stringify([runId, retriesSeen, context.notes["pinnedRevision"]]);
  if (known?.reading === reading) return known.surroundings;
  const convert = await conversion(context);
  const surroundings = {
    conversion: convert,
    ...(await readHomes(context)),
    ...(await readSchemas(context, convert.targetGroup)),
  };
  cached.set(kubernetes, { reading, surroundings });
  return surroundings;
}

/** The cluster's own CRDs count; the manifest's where the cluster has none. */
export async function readSchemas(
  context: Context,
  group: TargetGroup,
): Promise<Pick<Surroundings, "schemas" | "servedCrds">> {
  const manifest = (await readManifest(context)).filter(isCrd);
  const byName = new Map(manifest.map((crd) => [textAt(crd, "metadata", "name"), crd]));
  const schemas = new Map<string, JsonObject>();
  const servedCrds = new Set<string>();
  for (const name of crdNames(group)) {
    const present = await orAbsent(
      call(context, () => context.connections.kubernetes.get({ ...crdResource, name })),
    );
    if (present !== undefined) servedCrds.add(name);
    const crd = present ?? byName.get(name);
    const schema = crd === undefined ? undefined : schemaOf(crd, schemaVersion(group));
    if (schema !== undefined) schemas.set(name, schema);
  }
  return { schemas, servedCrds };
}
