import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { orAbsent } from "../../kubernetes/absent.ts";
import { objectAt, objectsAt, textAt } from "../../kubernetes/fields.ts";
import type { ClusterConnections } from "../connections.ts";
import type { Side, SideLock } from "./locks.ts";

/** Where installs by manifest and by an operator run calico-node. */
const NAMESPACES = ["kube-system", "calico-system"] as const;
const NATIVE_GROUP = "projectcalico.org/v3";

/** The datastore that calico-node uses, and what says so; without `side`, why that is not known. */
export interface UsedSide {
  side?: Side;
  why: string;
}

/** Finds the datastore that calico-node is told to use. Reads alone; what keeps it from reading makes it unknown. */
export async function findUsedSide(
  { kubernetes }: Pick<ClusterConnections, "kubernetes">,
  locks: readonly SideLock[],
): Promise<UsedSide> {
  const found: UsedSide[] = [];
  for (const namespace of NAMESPACES) {
    const ref = { apiVersion: "apps/v1", plural: "daemonsets", namespace, name: "calico-node" };
    try {
      const workload = await orAbsent(kubernetes.get(ref));
      if (workload !== undefined) found.push(usedBy(workload, `${namespace}/calico-node`, locks));
    } catch (error) {
      if (!(error instanceof MigratorError)) throw error;
      found.push({ why: `DaemonSet ${namespace}/calico-node cannot be read: ${error.message}` });
    }
  }
  if (found.length === 0) return { why: `there is no DaemonSet calico-node in ${NAMESPACES.join(" or ")}` };
  const [known, ...others] = found.filter(({ side }) => side !== undefined);
  if (known !== undefined && others.every(({ side }) => side === known.side)) return known;
  return { why: found.map(({ why }) => why).join(", and ") };
}

function usedBy(workload: JsonObject, name: string, locks: readonly SideLock[]): UsedSide {
  const pod = objectAt(workload, "spec", "template", "spec");
  const containers = [...objectsAt(pod, "containers"), ...objectsAt(pod, "initContainers")];
  const datastore = told(containers, "DATASTORE_TYPE");
  const group = told(containers, "CALICO_API_GROUP");
  if (datastore === "elsewhere") return { why: `DATASTORE_TYPE of ${name} is not in the DaemonSet itself` };
  const datastoreText = `DATASTORE_TYPE of ${name} is ${datastore.value ?? "absent"}`;
  if (datastore.value !== "kubernetes") return { side: "etcd", why: datastoreText };
  if (group === "elsewhere") return { why: `CALICO_API_GROUP of ${name} is not in the DaemonSet itself` };
  const why = `${datastoreText}, CALICO_API_GROUP ${group.value ?? "absent"}`;
  if (group.value === NATIVE_GROUP) return { side: "projectcalico.org", why };
  // Where nothing tells it which group to use, Calico takes the old one if that is served.
  const isOld = locks.some(({ side }) => side === "crd.projectcalico.org");
  return { side: isOld ? "crd.projectcalico.org" : "projectcalico.org", why };
}

/** What a variable's value is, where the containers themselves say it or nobody does. */
function told(containers: readonly JsonObject[], name: string): { value?: string } | "elsewhere" {
  const entry = containers
    .flatMap((container) => objectsAt(container, "env"))
    .find((one) => one["name"] === name);
  if (entry?.["valueFrom"] !== undefined) return "elsewhere";
  if (entry !== undefined) return { value: textAt(entry, "value") };
  return containers.some((container) => objectsAt(container, "envFrom").length > 0) ? "elsewhere" : {};
}
