import type { JsonObject } from "../json.ts";

/** Takes a node's name from one side to the other. */
export type Translate = (node: string) => string;

/** A v3 resource while it is converted; members may be replaced. */
export interface Draft {
  kind: string;
  name: string;
  readonly namespace?: string | undefined;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  readonly spec: JsonObject;
}

const TUNNEL_HANDLES = [
  "ipip-tunnel-addr-",
  "vxlan-tunnel-addr-",
  "vxlan-v6-tunnel-addr-",
  "wireguard-tunnel-addr-",
  "wireguard-v6-tunnel-addr-",
];

/** Handles of tunnel addresses end in the name of their node (node/pkg/allocateip); others name no node. */
export function translateHandle(handleId: string, translate: Translate): string {
  const prefix = TUNNEL_HANDLES.find((candidate) => handleId.startsWith(candidate));
  return prefix === undefined ? handleId : prefix + translate(handleId.slice(prefix.length));
}

/** `host:<node>` translated; `virtual:<name>` names no node, not even when a node has that name. */
export function translateAffinity(affinity: string, translate: Translate): string {
  return affinity.startsWith("host:") ? `host:${translate(affinity.slice("host:".length))}` : affinity;
}

const PER_NODE = "node.";
const CREATED_BY = "projectcalico.org/created-by";

function translateSpecNode(draft: Draft, translate: Translate): void {
  const { node } = draft.spec;
  if (typeof node === "string" && node !== "") draft.spec.node = translate(node);
}

/** Configuration of one node is named `node.<node>`. */
function translatePerNodeName(draft: Draft, translate: Translate): void {
  if (draft.name.startsWith(PER_NODE)) draft.name = PER_NODE + translate(draft.name.slice(PER_NODE.length));
}

/**
 * Host endpoints that kube-controllers made are named `<node>-…auto-hep`; under the old name they would be deleted and
 * made again under the new one. (kube-controllers/pkg/controllers/node, generateAutoHostEndpointName)
 */
function translateHostEndpoint(draft: Draft, translate: Translate): void {
  const { node } = draft.spec;
  const isAutomatic =
    draft.labels[CREATED_BY] === "calico-kube-controllers" && draft.name.endsWith("auto-hep");
  if (isAutomatic && typeof node === "string" && draft.name.startsWith(`${node}-`)) {
    draft.name = translate(node) + draft.name.slice(node.length);
  }
  translateSpecNode(draft, translate);
}

const TRANSLATORS: Readonly<Record<string, (draft: Draft, translate: Translate) => void>> = {
  BGPConfiguration: translatePerNodeName,
  FelixConfiguration: translatePerNodeName,
  BGPPeer: translateSpecNode,
  CalicoNodeStatus: translateSpecNode,
  HostEndpoint: translateHostEndpoint,
};

/** Translates every node name that a v3 resource holds, in place. */
export function translateNodes(draft: Draft, translate: Translate): void {
  TRANSLATORS[draft.kind]?.(draft, translate);
}
