import type { ObjectRef } from "./types.ts";

/**
 * The command with which kubectl does something to an object in the version of its reference: short names may be those of another
 * group or version.
 */
export function kubectlCommand(
  verb: "get" | "edit" | "delete",
  { apiVersion, plural, namespace, name }: ObjectRef,
): string {
  const [group = "", version] = apiVersion.split("/");
  // The core group has no name.
  const resource = version === undefined ? plural : `${plural}.${version}.${group}`;
  const flag = namespace === undefined ? "" : ` --namespace ${namespace}`;
  return `kubectl ${verb} ${resource} ${name}${flag}`;
}
