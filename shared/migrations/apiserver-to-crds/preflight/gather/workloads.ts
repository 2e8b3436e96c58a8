import type { JsonObject } from "../../../../json.ts";
import { Discovery } from "../../../../kubernetes/discovery.ts";
import { objectAt, objectsAt, textAt } from "../../../../kubernetes/fields.ts";
import type { Facts, Workload } from "../facts.ts";
import { type Cluster, objectsOf } from "./cluster.ts";
import { readsOf } from "../../../target/reads.ts";

/** Calico's workloads, as manifests and the operator name them. */
const NAMES: ReadonlySet<string> = new Set([
  "calico-apiserver",
  "calico-kube-controllers",
  "calico-node",
  "calico-node-windows",
  "calico-typha",
  "calico-webhooks",
  "csi-node-driver",
]);
const OPERATOR = "tigera-operator";

/** Images in these workloads that are released apart from Calico. */
const SIDECARS = /key-cert-provisioner|node-driver-registrar|envoy|bpftool/;

/** Calico's workloads, its operator, and what the operator is told to install. */
export async function gatherWorkloads(
  cluster: Cluster,
): Promise<Pick<Facts, "workloads" | "operator" | "installations">> {
  const found: Workload[] = [];
  for (const kind of ["DaemonSet", "Deployment"] as const) {
    for await (const object of objectsOf(cluster, {
      apiVersion: "apps/v1",
      plural: `${kind.toLowerCase()}s`,
    })) {
      const name = textAt(object, "metadata", "name");
      if (NAMES.has(name) || name === OPERATOR) found.push(workloadFact(kind, object));
    }
  }
  return {
    workloads: found.filter(({ name }) => name !== OPERATOR),
    operator: found.find(({ name }) => name === OPERATOR),
    installations: await installationsIn(cluster),
  };
}

async function installationsIn(cluster: Cluster): Promise<Facts["installations"]> {
  const { signal } = cluster;
  const apiVersion = "operator.tigera.io/v1";
  const type = await new Discovery(readsOf(cluster)).find(apiVersion, "Installation", { signal });
  if (type === undefined) return [];
  const found: { name: string; variant: string }[] = [];
  for await (const one of objectsOf(cluster, { apiVersion, plural: type.plural })) {
    found.push({ name: textAt(one, "metadata", "name"), variant: textAt(one, "spec", "variant") });
  }
  return found;
}

/** What there is to know of a workload. */
function workloadFact(kind: Workload["kind"], object: JsonObject): Workload {
  const pod = objectAt(object, "spec", "template", "spec");
  const containers = [...objectsAt(pod, "containers"), ...objectsAt(pod, "initContainers")];
  const annotations = objectAt(object, "metadata", "annotations");
  const release = textAt(annotations, "meta.helm.sh/release-name");
  return {
    kind,
    namespace: textAt(object, "metadata", "namespace"),
    name: textAt(object, "metadata", "name"),
    serviceAccount: textAt(pod, "serviceAccountName") || "default",
    images: containers
      .map((container) => ({ container: textAt(container, "name"), image: textAt(container, "image") }))
      .filter(({ image }) => !SIDECARS.test(image))
      .map((one) => ({ ...one, version: versionOf(one.image) })),
    apiGroup: variable(containers, "CALICO_API_GROUP"),
    datastore: variable(containers, "DATASTORE_TYPE"),
    helmRelease:
      release === "" ? undefined : `${textAt(annotations, "meta.helm.sh/release-namespace")}/${release}`,
  };
}

/** The tag of an image, where it is a version; a digest tells none. */
function versionOf(image: string): string | undefined {
  const [reference = ""] = image.split("@");
  return /:(v?\d+\.\d+[^/:]*)$/.exec(reference)?.[1];
}

function variable(containers: readonly JsonObject[], name: string): string | undefined {
  const found = containers
    .flatMap((container) => objectsAt(container, "env"))
    .find((one) => one["name"] === name);
  return found === undefined ? undefined : textAt(found, "value");
}
