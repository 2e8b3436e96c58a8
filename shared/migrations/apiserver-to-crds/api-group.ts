import { isJsonObject, type JsonObject } from "../../json.ts";
import { objectAt, objectsAt, textAt } from "../../kubernetes/fields.ts";

/** The variable that tells Calico's components, and its operator, which group to use. It wins over what they find served. (libcalico-go/lib/apiconfig) */
const VARIABLE = "CALICO_API_GROUP";
const NATIVE_GROUP = "projectcalico.org/v3";

/** The variable as found in each container that is not told to use the native group: its entry, or null where it had none. */
export type FoundVariables = Record<string, JsonObject | null>;

const LISTS = ["containers", "initContainers"] as const;

/** True when a workload's containers are told to use the native group. */
export function usesNativeGroup(workload: JsonObject): boolean {
  return containersOf(workload, "containers").some(
    (one) => textAt(variableOf(one) ?? {}, "value") === NATIVE_GROUP,
  );
}

/** What is to be remembered before `withNativeGroup`, by container. */
export function foundVariables(workload: JsonObject): FoundVariables {
  const all = LISTS.flatMap((list) => containersOf(workload, list));
  return Object.fromEntries(all.map((one) => [textAt(one, "name"), variableOf(one) ?? null]));
}

/** The merge patch that tells every container, init containers among them, to use the native group; undefined when all are told. */
export function withNativeGroup(workload: JsonObject): JsonObject | undefined {
  return containersPatch(workload, () => ({ name: VARIABLE, value: NATIVE_GROUP }));
}

/**
 * The merge patch that puts back what was found; undefined when nothing is to do. A container that is told something else
 * meanwhile is left alone, and so is one that is not remembered.
 */
export function withFoundVariables(workload: JsonObject, found: FoundVariables): JsonObject | undefined {
  return containersPatch(workload, (container) => {
    const present = variableOf(container);
    const before = found[textAt(container, "name")];
    const isOurs = present !== undefined && textAt(present, "value") === NATIVE_GROUP;
    return isOurs && before !== undefined ? (before ?? undefined) : present;
  });
}

/** The lists of containers of which some get another variable; a merge patch replaces a list as a whole. */
function containersPatch(
  workload: JsonObject,
  wanted: (container: JsonObject) => JsonObject | undefined,
): JsonObject | undefined {
  const changed: JsonObject = {};
  for (const list of LISTS) {
    const before = containersOf(workload, list);
    const after = before.map((container) => withVariable(container, wanted(container)));
    if (JSON.stringify(after) !== JSON.stringify(before)) changed[list] = after;
  }
  return Object.keys(changed).length === 0 ? undefined : { spec: { template: { spec: changed } } };
}

/** A container with this entry at the place where it had one, else at the end. */
function withVariable(container: JsonObject, entry: JsonObject | undefined): JsonObject {
  const before = Array.isArray(container["env"]) ? container["env"] : [];
  const at = before.findIndex((one) => isJsonObject(one) && one["name"] === VARIABLE);
  const others = before.filter((one) => !isJsonObject(one) || one["name"] !== VARIABLE);
  const env = entry === undefined ? others : others.toSpliced(at < 0 ? others.length : at, 0, entry);
  if (env.length > 0) return { ...container, env };
  const { env: none, ...rest } = container;
  return before.length === 0 ? container : rest;
}

function variableOf(container: JsonObject): JsonObject | undefined {
  return objectsAt(container, "env").find((entry) => entry["name"] === VARIABLE);
}

function containersOf(workload: JsonObject, list: (typeof LISTS)[number]): JsonObject[] {
  return objectsAt(objectAt(workload, "spec", "template", "spec"), list);
}
