import type { JsonObject } from "../../json.ts";
import { KINDS } from "../kinds.ts";

const API = "admissionregistration.k8s.io/v1";
const GROUP = "projectcalico.org";
const TIERS = "tier-rights.projectcalico.org";
const CLUSTER_INFORMATION = "cluster-information-guard.projectcalico.org";

/** Policies that belong to a tier. StagedKubernetesNetworkPolicies say of none, and so belong to the default one. */
const POLICIES = KINDS.filter(({ tiered, kind }) => tiered || kind === "StagedKubernetesNetworkPolicy");

/** The names of {@link nativeGuards}. */
export const GUARD_NAMES: readonly string[] = [TIERS, CLUSTER_INFORMATION];

/**
 * What Calico's aggregated API server guards and CRDs do not, as admission policies of Kubernetes with their bindings:
 *
 * - Who writes a policy must be allowed to get its tier, and to do the same to `tier.<resource>`, by the name of the policy or
 *   `<tier>.*`; and so for the tier that a policy leaves. (apiserver/pkg/registry/projectcalico/authorizer)
 * - ClusterInformation is written by Calico's own service accounts, and by whoever may change its CRD.
 *
 * Reads are authorised before any admission, so tiers do not narrow them any more.
 *
 * @param namespaces - where Calico's own service accounts are
 */
export function nativeGuards(namespaces: readonly string[]): JsonObject[] {
  return [...guard(TIERS, tierRights()), ...guard(CLUSTER_INFORMATION, clusterInformation(namespaces))];
}

function guard(name: string, spec: JsonObject): JsonObject[] {
  const metadata = { name };
  const bound = { policyName: name, validationActions: ["Deny"] };
  return [
    { apiVersion: API, kind: "ValidatingAdmissionPolicy", metadata, spec },
    { apiVersion: API, kind: "ValidatingAdmissionPolicyBinding", metadata, spec: bound },
  ];
}

/** Each check of rights uses a third of what an expression may cost, hence a variable for each. */
function tierRights(): JsonObject {
  return {
    failurePolicy: "Fail",
    matchConstraints: constraints(
      ["CREATE", "UPDATE", "DELETE"],
      POLICIES.map(({ plural }) => plural),
    ),
    variables: [
      variable("policy", "object == null ? oldObject : object"),
      variable("tier", tierOf("variables.policy")),
      variable("before", `oldObject == null ? variables.tier : ${tierOf("oldObject")}`),
      variable("name", "has(variables.policy.metadata.name) ? variables.policy.metadata.name : ''"),
      variable("verb", "request.operation.lowerAscii()"),
      variable("tierRead", mayGet("variables.tier")),
      variable("tierWritten", mayWrite("variables.tier + '.*'")),
      variable("beforeRead", mayGet("variables.before")),
      variable("beforeWritten", mayWrite("variables.before + '.*'")),
      variable("nameWritten", mayWrite("variables.name")),
    ],
    validations: [
      refusal("variables.tierRead && (variables.tierWritten || variables.nameWritten)", "tier"),
      refusal(
        "variables.before == variables.tier || (variables.beforeRead && (variables.beforeWritten || variables.nameWritten))",
        "before",
      ),
    ],
  };
}

function tierOf(policy: string): string {
  const path = `${policy}.spec.tier`;
  return `has(${policy}.spec) && has(${path}) && ${path} != '' ? ${path} : 'default'`;
}

function mayGet(tier: string): string {
  return `authorizer.group('${GROUP}').resource('tiers').name(${tier}).check('get').allowed()`;
}

function mayWrite(name: string): string {
  const namespace = "has(request.namespace) ? request.namespace : ''";
  return `authorizer.group('${GROUP}').resource('tier.' + request.resource.resource).namespace(${namespace}).name(${name}).check(variables.verb).allowed()`;
}

function refusal(expression: string, tier: "tier" | "before"): JsonObject {
  const messageExpression = `'to ' + variables.verb + ' a policy of the tier "' + variables.${tier} + '" needs get on this tier, and ' + variables.verb + ' on tier.' + request.resource.resource`;
  return { expression, messageExpression, reason: "Forbidden" };
}

function clusterInformation(namespaces: readonly string[]): JsonObject {
  const prefixes = JSON.stringify(namespaces.map((namespace) => `system:serviceaccount:${namespace}:`));
  const isCalico = `${prefixes}.exists(prefix, request.userInfo.username.startsWith(prefix))`;
  const definition = `authorizer.group('apiextensions.k8s.io').resource('customresourcedefinitions').name('clusterinformations.${GROUP}')`;
  return {
    failurePolicy: "Fail",
    matchConstraints: constraints(["CREATE", "UPDATE", "DELETE"], ["clusterinformations"]),
    validations: [
      {
        expression: `${isCalico} || ${definition}.check('patch').allowed()`,
        message: "ClusterInformation is written by Calico alone, and by those who may change its CRD",
        reason: "Forbidden",
      },
    ],
  };
}

/** Other versions of the group are matched as well: that is how admission policies match by default. */
function constraints(operations: readonly string[], resources: readonly string[]): JsonObject {
  const rule = {
    apiGroups: [GROUP],
    apiVersions: ["v3"],
    operations: [...operations],
    resources: [...resources],
  };
  return { matchPolicy: "Equivalent", resourceRules: [rule] };
}

function variable(name: string, expression: string): JsonObject {
  return { name, expression };
}
