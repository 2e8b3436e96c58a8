import type { AccessRule } from "../../kubernetes/access.ts";

/** A right as people say it: `patch crds.apiextensions.k8s.io NAME in NAMESPACE`. */
export function rightText({ verb, resource, subresource, group, namespace, name }: AccessRule): string {
  const what = subresource === undefined ? resource : `${resource}/${subresource}`;
  const which = name === undefined ? "" : ` ${name}`;
  const where = namespace === undefined ? "" : ` in ${namespace}`;
  return `${verb} ${what}${group === "" ? "" : `.${group}`}${which}${where}`;
}
