import { MigratorError } from "../../shared/errors.ts";

/** The file that says what an exported backup is. */
export const INDEX_FILE = "index.json";
/** The SHA-256 of every other file, as `sha256sum --check` reads it. */
export const CHECKSUMS_FILE = "SHA256SUMS";
/** Keys of etcd that calicoctl does not write: a line each, as in the backup. */
export const OTHER_KEYS_FILE = "etcd/other-keys.ndjson";

/** The notes before a document: what its JSON does not say, as YAML comments. */
export const KEY_NOTE = "# key: ";
export const OWNERS_NOTE = "# owners: ";
/** Since when it was being deleted: as a field, what applies the document would refuse it or pass it over. */
export const LEAVING_NOTE = "# being deleted: ";
export const DOCUMENT = "---";

/** The file for a resource of Kubernetes: `kubernetes/crd.projectcalico.org_v1/ippools.yaml`. */
export function objectsFile({ apiVersion, plural }: { apiVersion: string; plural: string }): string {
  return `kubernetes/${apiVersion.replaceAll("/", "_")}/${plural}.yaml`;
}

/** The resource that such a file is for; undefined for any other file. */
export function resourceOfFile(file: string): { apiVersion: string; plural: string } | undefined {
  const match = /^kubernetes\/([^/]+)\/([^/]+)\.yaml$/.exec(file);
  if (match === null) return undefined;
  const [, apiVersion = "", plural = ""] = match;
  return { apiVersion: apiVersion.replaceAll("_", "/"), plural };
}

// One kind that it does not know, or only reads (ClusterInformation), and calicoctl fails for a whole folder.
const WRITTEN_BY_CALICOCTL: ReadonlySet<string> = new Set([
  ...["bgpconfigurations", "bgpfilters", "bgppeers", "felixconfigurations", "globalnetworkpolicies"],
  ...["globalnetworksets", "hostendpoints", "ippools", "ipreservations", "kubecontrollersconfigurations"],
  ...["networkpolicies", "networksets", "nodes", "profiles", "stagedglobalnetworkpolicies"],
  ...["stagedkubernetesnetworkpolicies", "stagednetworkpolicies", "tiers", "workloadendpoints"],
]);

/** The file for v3 resources of etcd, `etcd/ippools.yaml`: so named that calicoctl, given the folder, takes tiers before their policies. */
export function keysFile(plural: string): string {
  if (!WRITTEN_BY_CALICOCTL.has(plural)) return OTHER_KEYS_FILE;
  return plural === "tiers" ? "etcd/0-tiers.yaml" : `etcd/${plural}.yaml`;
}

/** What is wrong with a file of an exported backup, and where. */
export function fileInvalid(faults: readonly string[], count: number): MigratorError {
  const more = count > faults.length ? `; and ${count - faults.length} more` : "";
  return new MigratorError("BACKUP_FILE_INVALID", `${faults.join("; ")}${more}`, {
    next: "Mend the files where they are named, then import again; nothing was imported.",
    details: { faults: [...faults], count },
  });
}
