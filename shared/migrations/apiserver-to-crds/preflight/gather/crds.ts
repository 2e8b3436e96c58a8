import { pluralsWithoutConverter } from "../../../../calico/native/native-kinds.ts";
import type { JsonObject } from "../../../../json.ts";
import { crdResource, crdState } from "../../../../kubernetes/crds.ts";
import { objectAt, textAt } from "../../../../kubernetes/fields.ts";
import { runsOn } from "../../../../kubernetes/managed-fields.ts";
import { secondVersion } from "../../../../kubernetes/second-version.ts";
import { isCrd } from "../../../manifests.ts";
import { schemaOf } from "../../../target/schemas.ts";
import type { CrdFact, CrdOwner, Facts } from "../facts.ts";
import { type Cluster, objectsOf, sender } from "./cluster.ts";

/** CRDs with their schemas are large. */
const PAGE_SIZE = 50;
const OBJECT_SET = "objectset.rio.cattle.io/";

/** What the CRDs of a cluster tell. */
interface Crds extends Pick<Facts, "oldCrds" | "nativeCrds" | "unconverted"> {
  /** The schemas of the native CRDs, by plural: of those in the cluster, else of those that a run would create. */
  schemas: ReadonlyMap<string, JsonObject>;
}

/** The CRDs of both groups, and what nothing converts. */
export async function gatherCrds(cluster: Cluster, manifest: readonly JsonObject[] = []): Promise<Crds> {
  const oldCrds: CrdFact[] = [];
  const nativeCrds: CrdFact[] = [];
  const schemas = new Map<string, JsonObject>();
  for (const crd of manifest.filter(isCrd)) noteSchema(schemas, crd);
  for await (const crd of objectsOf(cluster, crdResource, { pageSize: PAGE_SIZE })) {
    const group = textAt(crd, "spec", "group");
    if (group === "crd.projectcalico.org") oldCrds.push(crdFact(crd));
    if (group !== "projectcalico.org") continue;
    nativeCrds.push(crdFact(crd));
    noteSchema(schemas, crd);
  }
  const plurals = pluralsWithoutConverter(oldCrds.map(({ plural }) => plural));
  const unconverted = await Promise.all(
    plurals.map(async (plural) => ({ plural, hasObjects: await hasObjects(cluster, plural) })),
  );
  return { oldCrds, nativeCrds, unconverted, schemas };
}

/** What is in the cluster stays as it is, whatever the manifest has. */
function noteSchema(schemas: Map<string, JsonObject>, crd: JsonObject): void {
  if (textAt(crd, "spec", "group") !== "projectcalico.org") return;
  const plural = textAt(crd, "spec", "names", "plural");
  const schema = schemaOf(crd, "v3");
  if (schema === undefined) schemas.delete(plural);
  else schemas.set(plural, schema);
}

/** What there is to know of a CRD of Calico. */
function crdFact(crd: JsonObject): CrdFact {
  const plural = textAt(crd, "spec", "names", "plural");
  return {
    ...crdState(crd),
    plural,
    owner: ownerOf(crd),
    runs: runsOn(crd),
    secondVersion: secondVersion(crd),
  };
}

/**
 * Helm's annotations are those of its action package; those of object sets are of Rancher's wrangler (pkg/apply), which
 * K3s, RKE2 and Fleet use.
 */
function ownerOf(crd: JsonObject): CrdOwner | undefined {
  const annotations = objectAt(crd, "metadata", "annotations");
  const release = textAt(annotations, "meta.helm.sh/release-name");
  if (release !== "")
    return { tool: "helm", name: `${textAt(annotations, "meta.helm.sh/release-namespace")}/${release}` };
  const labels = objectAt(crd, "metadata", "labels");
  const mark = (key: string): string =>
    textAt(annotations, `${OBJECT_SET}${key}`) || textAt(labels, `${OBJECT_SET}${key}`);
  const name = mark("owner-name") || mark("id") || mark("hash");
  return name === "" ? undefined : { tool: "objectset", name };
}

async function hasObjects(cluster: Cluster, plural: string): Promise<boolean> {
  const ref = { apiVersion: "crd.projectcalico.org/v1", plural };
  const page = await sender(cluster)((api) =>
    api.list(ref, { limit: 1, metadataOnly: true, signal: cluster.signal }),
  );
  return page.items.length > 0;
}
