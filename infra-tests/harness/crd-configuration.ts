import type { JsonObject } from "../../shared/json.ts";
import { choice, each, flag, integer, intOrString, list, map, number, object, set, text } from "./schema.ts";

// The specs of configuration, BGP, pools and host endpoints, typed as the API documentation of Calico describes them.

const selector = text({ maxLength: 1024 });
const port = integer({ minimum: 0, maximum: 65535 });
const onOff = choice(["Enabled", "Disabled"]);
const duration = text({ pattern: "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))*$" });
const logLevel = text({ pattern: "^(?i)(Trace|Debug|Info|Warning|Error|Fatal)?$" });
const secret = object({
  secretKeyRef: object({ name: text({ default: "" }), key: text(), optional: flag() }, ["key"]),
});
const cidrs = list(object({ cidr: text() }));
const periods = object({ reconcilerPeriod: text() });

function filterRule(bits: number): JsonObject {
  const length = integer({ minimum: 0, maximum: bits });
  return object(
    {
      action: choice(["Accept", "Reject"]),
      cidr: text({ maxLength: 43 }),
      interface: text({ maxLength: 15 }),
      matchOperator: choice(["Equal", "NotEqual", "In", "NotIn"]),
      prefixLength: object(each(["min", "max"], length)),
      source: choice(["RemotePeers"]),
      peerType: choice(["eBGP", "iBGP"]),
      priority: integer({ minimum: 1 }),
    },
    ["action"],
  );
}

const controllers = object({
  node: object({
    reconcilerPeriod: text(),
    syncLabels: onOff,
    leakGracePeriod: text(),
    hostEndpoint: object({ autoCreate: onOff, createDefaultHostEndpoint: text() }),
  }),
  ...each(["policy", "workloadEndpoint", "serviceAccount", "namespace"], periods),
  loadBalancer: object({
    assignIPs: choice(["AllServices", "RequestedServicesOnly"], { default: "AllServices" }),
  }),
});

const failsafePorts = list(object({ protocol: text(), port: integer(), net: text() }, ["port"]));

const felix = object({
  logSeverityScreen: logLevel,
  logSeverityFile: logLevel,
  ...each(["defaultEndpointToHostAction"], text({ pattern: "^(?i)(Drop|Accept|Return)?$" })),
  ...each(
    ["iptablesFilterAllowAction", "iptablesMangleAllowAction"],
    text({ pattern: "^(?i)(Accept|Return)?$" }),
  ),
  iptablesFilterDenyAction: text({ pattern: "^(?i)(Drop|Reject)?$" }),
  ...each(
    ["iptablesRefreshInterval", "ipsetsRefreshInterval", "reportingInterval", "reportingTTL"],
    duration,
  ),
  ...each(
    ["bpfEnabled", "ipipEnabled", "vxlanEnabled", "wireguardEnabled", "wireguardEnabledV6", "ipv6Support"],
    flag(),
  ),
  ...each(["healthEnabled", "prometheusMetricsEnabled", "usageReportingEnabled", "xdpEnabled"], flag()),
  ...each(["ipipMTU", "vxlanMTU", "vxlanMTUV6", "vxlanPort", "vxlanVNI", "wireguardMTU"], integer()),
  ...each(["healthPort", "prometheusMetricsPort", "maxIpsetSize"], integer()),
  ...each(["interfacePrefix", "interfaceExclude", "chainInsertMode", "mtuIfacePattern", "logPrefix"], text()),
  ...each(["failsafeInboundHostPorts", "failsafeOutboundHostPorts"], failsafePorts),
  floatingIPs: onOff,
  natPortRange: intOrString(),
  externalNodesList: list(text()),
  bpfLogFilters: map(text()),
  nftablesMode: choice(["Disabled", "Enabled", "Auto"], { default: "Auto" }),
  nftablesFlowTableOffload: choice(["All", "Disabled"], { default: "Disabled" }),
  nodeSelector: selector,
  routeTableRanges: list(object({ min: integer(), max: integer() }, ["max", "min"])),
});

const overlay = choice(["Never", "Always", "CrossSubnet"]);

/** Schemas of the specs of everything but policies, sets and IPAM, by kind. */
export const CONFIGURATION_SPECS: Readonly<Record<string, JsonObject>> = {
  ClusterInformation: object({
    ...each(["clusterGUID", "clusterType", "calicoVersion", "variant"], text()),
    datastoreReady: flag(),
  }),
  Tier: object({ order: number(), defaultAction: choice(["Pass", "Deny"], { default: "Deny" }) }),
  IPPool: object(
    {
      cidr: text({ maxLength: 48 }),
      allowedUses: set(choice(["Workload", "Tunnel", "LoadBalancer"]), { maxItems: 10 }),
      assignmentMode: choice(["Automatic", "Manual"], { default: "Automatic" }),
      blockSize: integer({ minimum: 0, maximum: 128 }),
      ...each(["disableBGPExport", "disabled", "natOutgoing"], flag()),
      ...each(["ipipMode", "vxlanMode"], overlay),
      namespaceSelector: selector,
      nodeSelector: text({ maxLength: 1024, default: "all()" }),
    },
    ["cidr"],
  ),
  IPReservation: object({ reservedCIDRs: set(text()) }),
  BGPFilter: object({
    ...each(["exportV4", "importV4"], list(filterRule(32))),
    ...each(["exportV6", "importV6"], list(filterRule(128))),
  }),
  BGPPeer: object({
    node: text({ maxLength: 253 }),
    ...each(["nodeSelector", "peerSelector", "localWorkloadSelector"], selector),
    ...each(["peerIP", "reachableBy"], text({ maxLength: 64 })),
    ...each(["asNumber", "localASNumber", "numAllowedLocalASNumbers", "ttlSecurity"], integer()),
    ...each(["keepaliveTime", "maxRestartTime"], text()),
    filters: list(text()),
    keepOriginalNextHop: flag(),
    nextHopMode: choice(["Auto", "Self", "Keep"]),
    password: secret,
    reversePeering: choice(["Auto", "Manual"]),
    sourceAddress: choice(["UseNodeIP", "None"]),
  }),
  BGPConfiguration: object({
    asNumber: integer(),
    bindMode: choice(["None", "NodeIP"]),
    communities: list(object({ name: text(), value: text({ pattern: "^(\\d+)(:\\d+){1,2}$" }) })),
    prefixAdvertisements: list(object({ cidr: text(), communities: list(text()) })),
    ignoredInterfaces: set(text()),
    listenPort: integer({ minimum: 1, maximum: 65535 }),
    logSeverityScreen: { ...logLevel, default: "Info" },
    nodeMeshMaxRestartTime: text(),
    nodeMeshPassword: secret,
    nodeToNodeMeshEnabled: flag(),
    ...each(["serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerIPs"], cidrs),
    serviceLoadBalancerAggregation: { ...onOff, default: "Enabled" },
  }),
  FelixConfiguration: felix,
  KubeControllersConfiguration: object(
    {
      controllers,
      logSeverityScreen: choice(["None", "Debug", "Info", "Warning", "Error", "Fatal", "Panic"]),
      healthChecks: { ...onOff, default: "Enabled" },
      etcdV3CompactionPeriod: text(),
      ...each(["prometheusMetricsPort", "debugProfilePort"], port),
    },
    ["controllers"],
  ),
  HostEndpoint: object({
    node: text({ maxLength: 253 }),
    interfaceName: text({ maxLength: 15 }),
    ...each(["expectedIPs", "profiles"], set(text())),
    ports: list(
      object({ name: text(), port: integer({ minimum: 1, maximum: 65535 }), protocol: intOrString() }, [
        "name",
        "port",
        "protocol",
      ]),
    ),
  }),
  CalicoNodeStatus: object({
    node: text(),
    classes: set(choice(["Agent", "BGP", "Routes"])),
    updatePeriodSeconds: integer(),
  }),
};
