/** Where the annotations of a Kubernetes Node and the Node of etcd keep the same thing: plain texts. */
export const NODE_FIELDS: readonly (readonly [annotation: string, path: readonly [string, ...string[]]])[] = [
  ["projectcalico.org/IPv4Address", ["spec", "bgp", "ipv4Address"]],
  ["projectcalico.org/IPv4IPIPTunnelAddr", ["spec", "bgp", "ipv4IPIPTunnelAddr"]],
  ["projectcalico.org/IPv6Address", ["spec", "bgp", "ipv6Address"]],
  ["projectcalico.org/RouteReflectorClusterID", ["spec", "bgp", "routeReflectorClusterID"]],
  ["projectcalico.org/IPv4VXLANTunnelAddr", ["spec", "ipv4VXLANTunnelAddr"]],
  ["projectcalico.org/VXLANTunnelMACAddr", ["spec", "vxlanTunnelMACAddr"]],
  ["projectcalico.org/IPv6VXLANTunnelAddr", ["spec", "ipv6VXLANTunnelAddr"]],
  ["projectcalico.org/VXLANTunnelMACAddrV6", ["spec", "vxlanTunnelMACAddrV6"]],
  ["projectcalico.org/IPv4WireguardInterfaceAddr", ["spec", "wireguard", "interfaceIPv4Address"]],
  ["projectcalico.org/IPv6WireguardInterfaceAddr", ["spec", "wireguard", "interfaceIPv6Address"]],
  ["projectcalico.org/WireguardPublicKey", ["status", "wireguardPublicKey"]],
  ["projectcalico.org/WireguardPublicKeyV6", ["status", "wireguardPublicKeyV6"]],
];

/** The node's AS number, in decimal. */
export const AS_NUMBER_ANNOTATION = "projectcalico.org/ASNumber";
/** JSON list of the node's interfaces. */
export const INTERFACES_ANNOTATION = "projectcalico.org/Interfaces";
/** JSON object of the labels that Calico has for the node beyond those of Kubernetes. */
export const LABELS_ANNOTATION = "projectcalico.org/labels";
/** JSON object of the annotations that Calico has for the node. */
export const ANNOTATIONS_ANNOTATION = "projectcalico.org/annotations";
/** On Calico's own Node: JSON object of the labels that it inherited from the Kubernetes Node. */
export const KUBE_LABELS_ANNOTATION = "projectcalico.org/kube-labels";

/** The annotations whose text is JSON, so that its spelling means nothing. */
export const JSON_ANNOTATIONS = [INTERFACES_ANNOTATION, LABELS_ANNOTATION, ANNOTATIONS_ANNOTATION];

/** Every annotation of a Kubernetes Node that Calico's node data lives in. (libcalico-go/lib/backend/k8s/resources) */
export const NODE_ANNOTATIONS: readonly string[] = [
  ...NODE_FIELDS.map(([annotation]) => annotation),
  AS_NUMBER_ANNOTATION,
  ...JSON_ANNOTATIONS,
];
