import type { JsonObject } from "../json.ts";
import { objectAt, objectsAt, textAt } from "./fields.ts";

/** One entry of metadata.managedFields, without its fields. */
interface FieldManager {
  manager: string;
  /** `Apply` or `Update`. */
  operation: string;
  /** RFC 3339; empty where the server gives none. */
  time: string;
  /** Empty for the main resource. */
  subresource: string;
}

/** The tools that are recognised as owners. `run` is a run of this program. */
type OwnerTool =
  "argocd" | "flux" | "fleet" | "addon-manager" | "helm" | "tigera-operator" | "kubectl" | "run";

/** Someone who manages an object. */
export interface ForeignOwner {
  tool: OwnerTool;
  /** True for those that put their own version back when someone changes the object. */
  reverts: boolean;
  /** What shows it, for example `field manager argocd-controller` or `annotation meta.helm.sh/release-name`. */
  evidence: string;
}

interface Mark {
  tool: OwnerTool;
  pattern: RegExp;
}

const reverting = new Set<OwnerTool>(["argocd", "flux", "fleet", "addon-manager", "tigera-operator"]);
const runManagerPrefix = "calico-migrator:";

const managerMarks: Mark[] = [
  { tool: "run", pattern: /^calico-migrator:/ },
  { tool: "argocd", pattern: /^argocd(-|$)/ },
  { tool: "flux", pattern: /^(kustomize-controller|helm-controller|flux(-|$))/ },
  { tool: "fleet", pattern: /^fleet(-?agent)?$/ },
  { tool: "addon-manager", pattern: /^(kube-)?addon-manager|^eks(-addon.*)?$/ },
  { tool: "tigera-operator", pattern: /^(tigera-)?operator$/ },
  { tool: "helm", pattern: /^helm$/i },
  { tool: "kubectl", pattern: /^(kubectl|before-first-apply$)/ },
];

/** Labels and annotations that the tools leave, with the value they must have where the key alone says too little. */
const keyMarks: (Mark & { value?: RegExp })[] = [
  { tool: "argocd", pattern: /^argocd\.argoproj\.io\/(tracking-id|instance|sync-wave)$/ },
  { tool: "flux", pattern: /^(kustomize|helm)\.toolkit\.fluxcd\.io\/(name|namespace)$/ },
  { tool: "fleet", pattern: /^(objectset\.rio\.cattle\.io\/(hash|id)|fleet\.cattle\.io\/.*)$/ },
  { tool: "addon-manager", pattern: /^addonmanager\.kubernetes\.io\/mode$/ },
  { tool: "helm", pattern: /^meta\.helm\.sh\/release-name$/ },
  { tool: "helm", pattern: /^app\.kubernetes\.io\/managed-by$/, value: /^Helm$/ },
  { tool: "kubectl", pattern: /^kubectl\.kubernetes\.io\/last-applied-configuration$/ },
];

/** The field manager of a run, under which it makes all its writes. */
export function runFieldManager(runId: string): string {
  return `${runManagerPrefix}${runId}`;
}

/** True for the field manager of a run, of this one or another. */
export function isRunManager(manager: string): boolean {
  return manager.startsWith(runManagerPrefix);
}

/** The ids of the runs that own fields of the object. */
export function runsOn(object: JsonObject): string[] {
  const managers = managersOf(object).map(({ manager }) => manager);
  return [...new Set(managers.filter(isRunManager).map((one) => one.slice(runManagerPrefix.length)))];
}

/** Who wrote the object, as the API server recorded it. */
export function managersOf(object: JsonObject): FieldManager[] {
  return objectsAt(object, "metadata", "managedFields").map((entry) => ({
    manager: textAt(entry, "manager"),
    operation: textAt(entry, "operation"),
    time: textAt(entry, "time"),
    subresource: textAt(entry, "subresource"),
  }));
}

/**
 * The tools that manage the object, each once, known by their field managers, labels and annotations. Runs are among them
 * (tool `run`, the run's id at the end of the evidence); managers that belong to no known tool are not.
 */
export function foreignOwners(object: JsonObject): ForeignOwner[] {
  const owners = new Map<string, ForeignOwner>();
  const add = (tool: OwnerTool, evidence: string): void => {
    const key = tool === "run" ? evidence : tool;
    if (!owners.has(key)) owners.set(key, { tool, reverts: reverting.has(tool), evidence });
  };
  for (const { manager } of managersOf(object)) {
    const mark = managerMarks.find(({ pattern }) => pattern.test(manager));
    if (mark !== undefined) add(mark.tool, `field manager ${manager}`);
  }
  for (const where of ["label", "annotation"]) {
    const marked = objectAt(object, "metadata", `${where}s`);
    for (const key of Object.keys(marked)) {
      const mark = keyMarks.find(
        (one) => one.pattern.test(key) && (one.value?.test(textAt(marked, key)) ?? true),
      );
      if (mark !== undefined) add(mark.tool, `${where} ${key}`);
    }
  }
  return [...owners.values()];
}
