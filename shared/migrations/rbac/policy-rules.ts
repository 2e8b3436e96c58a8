import type { AccessRule } from "../../kubernetes/access.ts";

/** A rule of a Role or ClusterRole, as rbac.authorization.k8s.io/v1 has it. */
export type PolicyRule = {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
};

interface Grant {
  group: string;
  resources: string[];
  names: string[];
  verbs: string[];
}

/**
 * The rights of one namespace (or of the whole cluster) as few rules that grant exactly them: verbs, names and resources are
 * put together only where every combination is meant. In a stable order.
 */
export function policyRules(rules: readonly AccessRule[]): PolicyRule[] {
  const single = rules.map(({ group, resource, subresource, verb, name }) => ({
    group,
    resources: [subresource === undefined ? resource : `${resource}/${subresource}`],
    names: name === undefined ? [] : [name],
    verbs: [verb],
  }));
  const byVerbs = joined(single, "verbs");
  // A rule without names means all of them, so it takes no names of others in.
  const named = joined(
    byVerbs.filter(({ names }) => names.length > 0),
    "names",
  );
  const unnamed = byVerbs.filter(({ names }) => names.length === 0);
  return joined([...unnamed, ...named], "resources").map(({ group, resources, names, verbs }) => ({
    apiGroups: [group],
    resources,
    ...(names.length === 0 ? {} : { resourceNames: names }),
    verbs,
  }));
}

/** Puts grants together that differ in one member alone. */
function joined(grants: readonly Grant[], member: "resources" | "names" | "verbs"): Grant[] {
  const groups = Map.groupBy(grants, (grant) => JSON.stringify({ ...grant, [member]: [] }));
  return [...groups.values()].flatMap((same) => {
    const [first] = same;
    return first === undefined ? [] : [{ ...first, [member]: unique(same.flatMap((one) => one[member])) }];
  });
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
