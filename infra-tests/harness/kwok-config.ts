import { stringify } from "yaml";
import type { JsonObject } from "../../shared/json.ts";

// How fake kubelets behave (KWOK "stages"): nodes become ready, pods run as soon as they are scheduled and stay ready, and
// what is deleted goes at once. Templates are Go templates that render the status to patch.

const NODE_READY = `
{{ $now := Now }}
phase: Running
conditions:
{{ range NodeConditions }}
- { type: {{ .type }}, status: {{ .status | Quote }}, reason: {{ .reason }}, message: {{ .message | Quote }},
    lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }} }
{{ end }}
addresses:
- { type: InternalIP, address: {{ NodeIP | Quote }} }
- { type: Hostname, address: {{ NodeName | Quote }} }
capacity: &resources { cpu: "64", memory: 256Gi, pods: "500" }
allocatable: *resources
nodeInfo:
  architecture: amd64
  operatingSystem: linux
  osImage: fake
  kernelVersion: "6.12.0"
  containerRuntimeVersion: fake://1
  kubeletVersion: v1.36.1
  kubeProxyVersion: v1.36.1
  bootID: ""
  machineID: ""
  systemUUID: ""
`;

const POD_RUNNING = `
{{ $now := Now }}
phase: Running
startTime: {{ $now | Quote }}
hostIP: {{ index (NodeIPsWith .spec.nodeName) 0 | Quote }}
conditions:
{{ range list "Initialized" "ContainersReady" "Ready" }}
- { type: {{ . }}, status: "True", lastTransitionTime: {{ $now | Quote }} }
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- { name: {{ .name | Quote }}, image: {{ .image | Quote }}, ready: true, restartCount: 0,
    state: { running: { startedAt: {{ $now | Quote }} } } }
{{ end }}
`;

const READY = '.status.conditions.[] | select( .type == "Ready" ) | .status';
const DELETED = ".metadata.deletionTimestamp";

function stage(name: string, kind: "Node" | "Pod", expressions: JsonObject[], rest: JsonObject): JsonObject {
  return {
    apiVersion: "kwok.x-k8s.io/v1alpha1",
    kind: "Stage",
    metadata: { name },
    spec: {
      resourceRef: { apiGroup: "v1", kind },
      selector: { matchExpressions: expressions },
      ...rest,
    },
  };
}

const STAGES = [
  stage("node-ready", "Node", [{ key: READY, operator: "NotIn", values: ["True"] }], {
    next: { statusTemplate: NODE_READY },
  }),
  stage(
    "pod-running",
    "Pod",
    [
      { key: DELETED, operator: "DoesNotExist" },
      { key: ".status.phase", operator: "In", values: ["Pending"] },
    ],
    { next: { statusTemplate: POD_RUNNING } },
  ),
  // Where a node was away for a moment, its pods were marked as not ready; a kubelet that is back corrects that.
  stage(
    "pod-ready-again",
    "Pod",
    [
      { key: DELETED, operator: "DoesNotExist" },
      { key: ".status.phase", operator: "In", values: ["Running"] },
      { key: READY, operator: "NotIn", values: ["True"] },
    ],
    { next: { statusTemplate: POD_RUNNING } },
  ),
  stage("pod-deleted", "Pod", [{ key: DELETED, operator: "Exists" }], { next: { delete: true } }),
];

/** The configuration file of KWOK, as YAML documents. */
export function kwokConfig(): string {
  return STAGES.map((document) => stringify(document)).join("---\n");
}
