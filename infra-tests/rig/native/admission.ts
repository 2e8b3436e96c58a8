import type { JsonObject } from "../../../shared/json.ts";
import { ADMISSION_GROUP, type AdmissionVersion } from "../../../shared/kubernetes/admission.ts";

// Admission policies that mean what Calico's do in native mode: policies get the label of their tier and their types,
// and nobody deletes a built-in tier.

const STABLE = `${ADMISSION_GROUP}/v1`;
const TIERED = [
  "networkpolicies",
  "globalnetworkpolicies",
  "stagednetworkpolicies",
  "stagedglobalnetworkpolicies",
];
const LABEL = "projectcalico.org~1tier";

function constraints(resources: readonly string[], operations: readonly string[]): JsonObject {
  const rule = { apiGroups: ["projectcalico.org"], apiVersions: ["v3"], resources: [...resources] };
  return { resourceRules: [{ ...rule, operations: [...operations] }] };
}

function mutating(name: string, resources: readonly string[], spec: JsonObject): JsonObject[] {
  const matchConstraints = constraints(resources, ["CREATE", "UPDATE"]);
  const policy = { matchConstraints, failurePolicy: "Fail", reinvocationPolicy: "IfNeeded", ...spec };
  return [
    { apiVersion: STABLE, kind: "MutatingAdmissionPolicy", metadata: { name }, spec: policy },
    {
      apiVersion: STABLE,
      kind: "MutatingAdmissionPolicyBinding",
      metadata: { name },
      spec: { policyName: name },
    },
  ];
}

const patch = (expression: string): JsonObject => ({ patchType: "JSONPatch", jsonPatch: { expression } });

const TIER_LABEL = mutating("tierlabel.policy.projectcalico.org", TIERED, {
  variables: [
    { name: "tier", expression: `object.spec.?tier.orValue("") == "" ? "default" : object.spec.tier` },
  ],
  mutations: [
    patch(`[JSONPatch{op: "add", path: "/spec/tier", value: variables.tier}]`),
    patch(`(has(object.metadata.labels) ? [] : [JSONPatch{op: "add", path: "/metadata/labels", value: {}}])
      + [JSONPatch{op: "add", path: "/metadata/labels/${LABEL}", value: variables.tier}]`),
  ],
});

// Policies of Kubernetes' shape always restrict ingress, those of Calico's only what they have rules for.
const POLICY_TYPES = mutating(
  "policytypes.policy.projectcalico.org",
  [...TIERED, "stagedkubernetesnetworkpolicies"],
  {
    // Calico's has a parameter kind that it does not use: while that kind is not served, no policy can be written.
    paramKind: { apiVersion: "projectcalico.org/v3", kind: "NetworkPolicy" },
    matchConditions: [
      { name: "untyped", expression: "!has(object.spec.types) && !has(object.spec.policyTypes)" },
    ],
    variables: [
      { name: "kubernetes", expression: `object.kind == "StagedKubernetesNetworkPolicy"` },
      {
        name: "ingress",
        expression: "has(object.spec.ingress) || !has(object.spec.egress) || variables.kubernetes",
      },
      {
        name: "types",
        expression: `(variables.ingress ? ["Ingress"] : []) + (has(object.spec.egress) ? ["Egress"] : [])`,
      },
    ],
    mutations: [
      patch(`[JSONPatch{op: "add", value: variables.types,
        path: variables.kubernetes ? "/spec/policyTypes" : "/spec/types"}]`),
    ],
  },
);

const PROTECTED = "protect-builtin-tiers.projectcalico.org";
const BUILT_IN_TIERS: readonly JsonObject[] = [
  {
    apiVersion: STABLE,
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: PROTECTED },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: constraints(["tiers"], ["DELETE"]),
      validations: [
        {
          expression: `!["default", "kube-admin", "kube-baseline"].exists(name, name == oldObject.metadata.name)`,
          message: "built-in tiers stay",
        },
      ],
    },
  },
  {
    apiVersion: STABLE,
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: PROTECTED },
    spec: { policyName: PROTECTED, validationActions: ["Deny"] },
  },
];

/**
 * The admission policies that Calico's manifest of the native group holds beside its CRDs, with their bindings; the mutating
 * ones in this API version.
 */
export function admissionPolicies(mutating: AdmissionVersion): JsonObject[] {
  const apiVersion = `${ADMISSION_GROUP}/${mutating}`;
  return [...[...TIER_LABEL, ...POLICY_TYPES].map((one) => ({ ...one, apiVersion })), ...BUILT_IN_TIERS];
}
