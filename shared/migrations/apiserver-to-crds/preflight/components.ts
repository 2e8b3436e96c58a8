import { type Facts, isUnread, type Workload } from "./facts.ts";

/** Who installs Calico, and with it who has to make the switch. */
export type Installer = "operator" | "helm" | "manifests";

/** Calico's main workload on Linux. */
const CALICO_NODE = "calico-node";

/** Who installs Calico; undefined where no calico-node is found. */
export function installerOf({
  workloads,
  operator,
  installations,
}: Pick<Facts, "workloads" | "operator" | "installations">): Installer | undefined {
  const nodes = calicoNodes(workloads);
  if (nodes.length === 0) return undefined;
  if (operator !== undefined && installations.length > 0) return "operator";
  return nodes.some(({ helmRelease }) => helmRelease !== undefined) ? "helm" : "manifests";
}

/** The DaemonSets calico-node: one, or one in each namespace. */
export function calicoNodes(workloads: readonly Workload[]): Workload[] {
  return workloads.filter(({ kind, name }) => kind === "DaemonSet" && name === CALICO_NODE);
}

/** The version of Calico that runs on the nodes, from calico-node's image; undefined where its tag is none. */
export function calicoVersion(workloads: readonly Workload[]): string | undefined {
  const [node] = calicoNodes(workloads);
  const image = node?.images.find(({ container }) => container === CALICO_NODE);
  return image?.version;
}

/** True where a webhook judges who writes policies into which tier, as Calico's own does. */
export function areTiersGuarded({ webhooks }: Pick<Facts, "webhooks">): boolean {
  return !isUnread(webhooks) && webhooks.some(({ guardsTiers, failsClosed }) => guardsTiers && failsClosed);
}
