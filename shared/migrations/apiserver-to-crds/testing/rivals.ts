import type { JsonObject } from "../../../json.ts";
import { orAbsent } from "../../../kubernetes/absent.ts";
import { nativeApiService } from "../../../kubernetes/api-services.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import { objectAt, objectsAt, textAt } from "../../../kubernetes/fields.ts";
import { apiService } from "./cluster.ts";
import type { FakeCluster } from "./fake-cluster.ts";

/** What the operator does every five minutes: the APIService of the aggregated API server is as it was installed. */
export async function putApiServiceBack(cluster: FakeCluster): Promise<void> {
  const found = await cluster.get(nativeApiService);
  const metadata = { ...objectAt(found, "metadata"), labels: {} };
  await cluster.replace(nativeApiService, { ...apiService(), metadata });
}

/** What Helm, the operator and GitOps tools do: the native CRDs are as their manifest has them, without a second version. */
export async function putDefinitionsBack(cluster: FakeCluster): Promise<void> {
  for (const crd of (await cluster.list(crdResource)).items) {
    if (!hasSecondVersion(crd)) continue;
    const versions = objectsAt(crd, "spec", "versions").filter(({ name }) => name !== "v3precopy");
    const spec = { ...objectAt(crd, "spec"), versions };
    const ref = { ...crdResource, name: textAt(crd, "metadata", "name") };
    await cluster.replace(ref, { ...crd, spec }).catch((error: unknown) => {
      // Two of them at once: the other one was quicker.
      if (!isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
    });
  }
}

/** True while the second version is there. */
export async function isSecondVersionOpen(cluster: FakeCluster): Promise<boolean> {
  return hasSecondVersion(
    (await orAbsent(cluster.get({ ...crdResource, name: "tiers.projectcalico.org" }))) ?? {},
  );
}

function hasSecondVersion(crd: JsonObject): boolean {
  return objectsAt(crd, "spec", "versions").some(({ name }) => name === "v3precopy");
}
