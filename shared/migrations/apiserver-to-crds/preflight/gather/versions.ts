import {
  ADMISSION_GROUP,
  type AdmissionVersion,
  servedAdmissionVersions,
} from "../../../../kubernetes/admission.ts";
import { Discovery } from "../../../../kubernetes/discovery.ts";
import { objectsAt, textAt } from "../../../../kubernetes/fields.ts";
import type { JsonObject } from "../../../../json.ts";
import type { Facts } from "../facts.ts";
import { type Cluster, objectsOf, sender } from "./cluster.ts";
import { readsOf } from "../../../target/reads.ts";

const MIGRATION_GROUP = "migration.projectcalico.org";

/** What the API server is, and in which versions it serves what the migration depends on. */
export async function gatherVersions(
  cluster: Cluster,
): Promise<
  Pick<Facts, "kubernetes" | "admission" | "admissionPolicies" | "migrationVersions" | "migrations">
> {
  const discovery = new Discovery(readsOf(cluster));
  const { signal } = cluster;
  const { body } = await sender(cluster)((api) => api.request({ method: "GET", path: "/version", signal }));
  const admission = await servedAdmissionVersions(discovery, "MutatingAdmissionPolicy", { signal });
  const migrationVersions = await servedVersions(discovery, MIGRATION_GROUP, "DatastoreMigration", cluster);
  return {
    kubernetes: textAt(body, "gitVersion"),
    admission,
    admissionPolicies: await policiesForCalico(cluster, admission[0]),
    migrationVersions,
    migrations: await migrationsIn(cluster, migrationVersions[0]),
  };
}

async function servedVersions(
  discovery: Discovery,
  group: string,
  kind: string,
  { signal }: Cluster,
): Promise<string[]> {
  const served: string[] = [];
  for (const version of await discovery.versionsOf(group, { signal })) {
    const found = await discovery.find(`${group}/${version}`, kind, { signal });
    if (found !== undefined) served.push(version);
  }
  return served;
}

async function policiesForCalico(cluster: Cluster, version: AdmissionVersion | undefined): Promise<string[]> {
  if (version === undefined) return [];
  const names: string[] = [];
  const ref = { apiVersion: `${ADMISSION_GROUP}/${version}`, plural: "mutatingadmissionpolicies" };
  for await (const policy of objectsOf(cluster, ref)) {
    if (isForCalico(policy)) names.push(textAt(policy, "metadata", "name"));
  }
  return names;
}

function isForCalico(policy: JsonObject): boolean {
  return objectsAt(policy, "spec", "matchConstraints", "resourceRules").some(
    ({ apiGroups }) => Array.isArray(apiGroups) && apiGroups.includes("projectcalico.org"),
  );
}

async function migrationsIn(cluster: Cluster, version: string | undefined): Promise<Facts["migrations"]> {
  if (version === undefined) return [];
  const found: { name: string; phase: string }[] = [];
  const ref = { apiVersion: `${MIGRATION_GROUP}/${version}`, plural: "datastoremigrations" };
  for await (const one of objectsOf(cluster, ref)) {
    found.push({ name: textAt(one, "metadata", "name"), phase: textAt(one, "status", "phase") });
  }
  return found;
}
