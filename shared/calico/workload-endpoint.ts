import { createHash } from "node:crypto";
import { z } from "zod";
import type { JsonObject } from "../json.ts";
import { etcdKeyOf } from "./keys.ts";

const Port = z.object({
  name: z.string().optional(),
  containerPort: z.int(),
  hostPort: z.int().optional(),
  hostIP: z.string().optional(),
  protocol: z.string().optional(),
});
const Container = z.object({ ports: z.array(Port).optional() });

/** What a workload endpoint is made from. */
const Pod = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    uid: z.string().optional(),
    generateName: z.string().optional(),
    creationTimestamp: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.object({
    nodeName: z.string().optional(),
    hostNetwork: z.boolean().optional(),
    serviceAccountName: z.string().optional(),
    containers: z.array(Container).optional(),
    initContainers: z.array(Container).optional(),
  }),
  status: z
    .object({
      phase: z.string().optional(),
      podIP: z.string().optional(),
      podIPs: z.array(z.object({ ip: z.string() })).optional(),
    })
    .optional(),
});
type Pod = z.infer<typeof Pod>;

/** A workload endpoint of etcd. */
export interface StoredEndpoint {
  key: string;
  value: JsonObject;
  /** Whose sandbox it is, and with which addresses: what tells a pod from its successor of the same name. */
  containerId: string;
}

const FINISHED = new Set(["Succeeded", "Failed", "Completed"]);
const LABEL_LIMIT = 63;

/**
 * The workload endpoint that the CNI plugin stores in etcd for a pod; the Kubernetes datastore computes it from the pod
 * (libcalico-go/lib/backend/k8s/conversion). Undefined for pods that have none: on the host's network, not scheduled,
 * without an address, finished, or not readable as a pod.
 *
 * @param etcdNodeName - the name that etcd has for the pod's node
 */
export function workloadEndpointOf(
  object: JsonObject,
  etcdNodeName: (kubernetesName: string) => string,
): StoredEndpoint | undefined {
  const parsed = Pod.safeParse(object);
  if (!parsed.success || !hasEndpoint(parsed.data)) return undefined;
  const pod = parsed.data;
  const node = etcdNodeName(pod.spec.nodeName ?? "");
  const name = [node, "k8s", pod.metadata.name, "eth0"].map((part) => part.replaceAll("-", "--")).join("-");
  const { namespace } = pod.metadata;
  const key = etcdKeyOf({ type: "resource", kind: "WorkloadEndpoint", namespace, name });
  return { key, value: endpoint(pod, node, name), containerId: containerIdOf(pod) };
}

function hasEndpoint(pod: Pod): boolean {
  if (pod.spec.hostNetwork === true || (pod.spec.nodeName ?? "") === "") return false;
  return !FINISHED.has(pod.status?.phase ?? "") && addressesOf(pod).length > 0;
}

function containerIdOf(pod: Pod): string {
  return pod.metadata.annotations?.["cni.projectcalico.org/containerID"] ?? "";
}

function addressesOf(pod: Pod): string[] {
  const { podIPs, podIP } = pod.status ?? {};
  if (podIPs !== undefined && podIPs.length > 0) return podIPs.map(({ ip }) => ip);
  if (podIP !== undefined && podIP !== "") return [podIP];
  const annotations = pod.metadata.annotations ?? {};
  const annotated =
    annotations["cni.projectcalico.org/podIPs"] ?? annotations["cni.projectcalico.org/podIP"] ?? "";
  return annotated
    .split(",")
    .flatMap((address) => address.split("/")[0] ?? [])
    .filter((address) => address !== "");
}

function endpoint(pod: Pod, node: string, name: string): JsonObject {
  const { metadata, spec } = pod;
  const account = spec.serviceAccountName ?? "";
  return {
    kind: "WorkloadEndpoint",
    apiVersion: "projectcalico.org/v3",
    metadata: {
      name,
      namespace: metadata.namespace,
      uid: metadata.uid,
      generateName: metadata.generateName,
      creationTimestamp: metadata.creationTimestamp,
      labels: {
        ...metadata.labels,
        "projectcalico.org/namespace": metadata.namespace,
        "projectcalico.org/orchestrator": "k8s",
        ...(account === "" || account.length >= LABEL_LIMIT
          ? {}
          : { "projectcalico.org/serviceaccount": account }),
      },
    },
    spec: {
      orchestrator: "k8s",
      workload: "",
      node,
      containerID: containerIdOf(pod),
      pod: metadata.name,
      endpoint: "eth0",
      ...(account === "" ? {} : { serviceAccountName: account }),
      ipNetworks: addressesOf(pod).map((address) => `${address}/${address.includes(":") ? 128 : 32}`),
      profiles: [
        `kns.${metadata.namespace}`,
        ...(account === "" ? [] : [`ksa.${metadata.namespace}.${account}`]),
      ],
      interfaceName: interfaceName(metadata.namespace, metadata.name),
      ports: portsOf(pod),
    },
  };
}

/** The host's end of the pod's veth pair, as the CNI plugin names it. */
function interfaceName(namespace: string, pod: string): string {
  return `cali${createHash("sha1").update(`${namespace}.${pod}`).digest("hex").slice(0, 11)}`;
}

function portsOf({ spec }: Pod): JsonObject[] {
  const ports = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(
    ({ ports }) => ports ?? [],
  );
  return ports
    .filter((port) => port.containerPort !== 0 && ((port.hostPort ?? 0) !== 0 || (port.name ?? "") !== ""))
    .map(({ name, containerPort, hostPort, hostIP, protocol }) => ({
      name: name ?? "",
      protocol: protocol ?? "TCP",
      port: containerPort,
      hostPort: hostPort ?? 0,
      hostIP: hostIP ?? "",
    }));
}
