import type { JsonObject } from "../../../../json.ts";
import { objectAt, objectsAt, textAt } from "../../../../kubernetes/fields.ts";
import type { Workload, WriterFact } from "../facts.ts";
import { type Cluster, objectsOf } from "./cluster.ts";
import { textsAt } from "./texts.ts";

const API = "rbac.authorization.k8s.io/v1";
const GROUP = "projectcalico.org";
const WRITES: ReadonlySet<string> = new Set(["*", "create", "update", "patch", "delete", "deletecollection"]);
/** More than anybody reads; a cluster with more is told by its first. */
const MOST = 100;
const ADMINISTRATORS: ReadonlySet<string> = new Set(["system:masters"]);

/**
 * Who may write to projectcalico.org by a role that names the group: rules for all groups are those of administrators.
 * Calico's own service accounts, the operator's and Kubernetes' own users are left out. At most 100.
 */
export async function gatherWriters(cluster: Cluster, workloads: readonly Workload[]): Promise<WriterFact[]> {
  const own = new Set(workloads.map(({ namespace }) => namespace));
  const roles = new Set<string>();
  for (const plural of ["clusterroles", "roles"]) {
    for await (const role of objectsOf(cluster, { apiVersion: API, plural })) {
      if (objectsAt(role, "rules").some(writesCalico)) roles.add(keyOf(role));
    }
  }
  const writers: WriterFact[] = [];
  for (const plural of ["clusterrolebindings", "rolebindings"]) {
    for await (const binding of objectsOf(cluster, { apiVersion: API, plural })) {
      if (!roles.has(roleKey(binding))) continue;
      writers.push(...writersOf(binding, own));
      if (writers.length >= MOST) return writers.slice(0, MOST);
    }
  }
  return writers;
}

function writesCalico(rule: JsonObject): boolean {
  return (
    textsAt(rule, "apiGroups").includes(GROUP) && textsAt(rule, "verbs").some((verb) => WRITES.has(verb))
  );
}

function keyOf(role: JsonObject): string {
  return `${textAt(role, "metadata", "namespace")}/${textAt(role, "metadata", "name")}`;
}

function roleKey(binding: JsonObject): string {
  const { kind, name } = objectAt(binding, "roleRef");
  const namespace = kind === "Role" ? textAt(binding, "metadata", "namespace") : "";
  return `${namespace}/${typeof name === "string" ? name : ""}`;
}

function writersOf(binding: JsonObject, own: ReadonlySet<string>): WriterFact[] {
  const role = `${textAt(binding, "roleRef", "kind")} ${textAt(binding, "roleRef", "name")}`;
  const namespace = textAt(binding, "metadata", "namespace") || undefined;
  return objectsAt(binding, "subjects")
    .filter((subject) => !isExpected(subject, own))
    .map((subject) => ({ subject: nameOf(subject), role, namespace }));
}

function isExpected(subject: JsonObject, own: ReadonlySet<string>): boolean {
  const name = textAt(subject, "name");
  const namespace = textAt(subject, "namespace");
  switch (textAt(subject, "kind")) {
    case "ServiceAccount":
      return /^(calico|tigera)-/.test(name) && (own.has(namespace) || /^(calico|tigera)-/.test(namespace));
    case "User":
      return name.startsWith("system:");
    default:
      return ADMINISTRATORS.has(name);
  }
}

function nameOf(subject: JsonObject): string {
  const namespace = textAt(subject, "namespace");
  return `${textAt(subject, "kind")} ${namespace === "" ? "" : `${namespace}/`}${textAt(subject, "name")}`;
}
