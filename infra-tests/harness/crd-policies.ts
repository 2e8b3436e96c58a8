import type { JsonObject } from "../../shared/json.ts";
import { choice, each, flag, integer, intOrString, list, map, number, object, set, text } from "./schema.ts";

// The specs of policies and sets, typed as the API documentation of Calico describes them.

const selector = text({ maxLength: 1024 });

const entity = object({
  ...each(["selector", "notSelector", "namespaceSelector"], selector),
  ...each(["nets", "notNets"], set(text(), { maxItems: 256 })),
  ...each(["ports", "notPorts"], list(intOrString(), { maxItems: 50 })),
  serviceAccounts: object({ names: set(text()), selector: text() }),
  services: object(each(["name", "namespace"], text({ maxLength: 253 }))),
});

const icmp = object({
  type: integer({ minimum: 0, maximum: 254 }),
  code: integer({ minimum: 0, maximum: 255 }),
});

const rule = object(
  {
    action: choice(["Allow", "Deny", "Log", "Pass"]),
    ipVersion: integer({ enum: [4, 6] }),
    ...each(["protocol", "notProtocol"], intOrString()),
    ...each(["icmp", "notICMP"], icmp),
    ...each(["source", "destination"], entity),
    http: object({
      methods: list(text(), { maxItems: 20 }),
      paths: list(object(each(["exact", "prefix"], text({ maxLength: 1024 }))), { maxItems: 20 }),
    }),
    metadata: object({ annotations: map(text()) }),
  },
  ["action"],
);

const policy = {
  tier: text({ default: "default" }),
  order: number(),
  selector,
  serviceAccountSelector: selector,
  types: set(choice(["Ingress", "Egress"]), { maxItems: 2 }),
  ...each(["ingress", "egress"], list(rule, { maxItems: 1024 })),
  performanceHints: set(choice(["AssumeNeededOnEveryNode"])),
};

const globalPolicy = {
  ...policy,
  namespaceSelector: selector,
  ...each(["doNotTrack", "preDNAT", "applyOnForward"], flag()),
};

const staged = { stagedAction: choice(["Set", "Delete", "Learn", "Ignore"], { default: "Set" }) };

const labelSelector = object({
  matchLabels: map(text()),
  matchExpressions: list(
    object({ key: text(), operator: text(), values: list(text()) }, ["key", "operator"]),
  ),
});

const kubernetesPeers = list(
  object({
    ipBlock: object({ cidr: text(), except: list(text()) }, ["cidr"]),
    ...each(["namespaceSelector", "podSelector"], labelSelector),
  }),
);

const kubernetesPorts = list(object({ port: intOrString(), endPort: integer(), protocol: text() }));

/** Schemas of the specs of policies and network sets, by kind. */
export const POLICY_SPECS: Readonly<Record<string, JsonObject>> = {
  GlobalNetworkPolicy: object(globalPolicy),
  StagedGlobalNetworkPolicy: object({ ...globalPolicy, ...staged }),
  NetworkPolicy: object(policy),
  StagedNetworkPolicy: object({ ...policy, ...staged }),
  StagedKubernetesNetworkPolicy: object({
    ...staged,
    podSelector: labelSelector,
    policyTypes: list(text(), { maxItems: 2 }),
    ingress: list(object({ from: kubernetesPeers, ports: kubernetesPorts })),
    egress: list(object({ to: kubernetesPeers, ports: kubernetesPorts })),
  }),
  GlobalNetworkSet: object({ nets: set(text()) }),
  NetworkSet: object({ nets: set(text()) }),
};
