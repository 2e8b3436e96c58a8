import { z } from "zod";
import { KINDS } from "../../calico/kinds.ts";
import { hasKind, NEWEST_KNOWN } from "../../calico/versions/rules.ts";
import { type CalicoVersion, imageVersion, parseVersion } from "../../calico/versions/version.ts";
import type { JsonObject } from "../../json.ts";
import { objectAt, objectsAt, textAt } from "../../kubernetes/fields.ts";
import { CALICO_NODE } from "./workloads.ts";

/** A version of Calico, and what told it. */
export interface FoundVersion {
  version: CalicoVersion;
  from: string;
  /** True where nothing told it. */
  isGuess?: boolean;
}

/** What may tell the version of the Calico that will use the target, and of the one that uses etcd. */
export interface VersionWitnesses {
  /** What a person says. */
  given?: string | undefined;
  /** The objects of the manifest for that Calico. */
  manifest: readonly JsonObject[];
  /** The calico-node that runs. */
  running: JsonObject | undefined;
  /** The stored ClusterInformation. */
  clusterInformation: Buffer | undefined;
}

const ClusterInformation = z.object({ spec: z.object({ calicoVersion: z.string().optional() }) });

/** The version of Calico, by the first witness that tells one; undefined where none does. */
export function findVersion(witnesses: VersionWitnesses): FoundVersion | undefined {
  const { given, manifest, running, clusterInformation } = witnesses;
  const inManifest = manifest.find(isCalicoNode);
  const told: readonly (readonly [version: CalicoVersion | undefined, from: string])[] = [
    [given === undefined ? undefined : parseVersion(given), "--calico-version"],
    [workloadVersion(inManifest), "calico-node's image in the manifest"],
    [workloadVersion(running), "calico-node's image that runs"],
    [informedVersion(clusterInformation), "ClusterInformation"],
  ];
  for (const [version, from] of told) if (version !== undefined) return { version, from };
  return undefined;
}

/** The newest version whose kinds are not more than those that have CRDs: a guess, where nothing tells the version. */
export function versionByKinds(missingKinds: ReadonlySet<string>): FoundVersion {
  const guess = { from: "by the CRDs of the target", isGuess: true };
  const policies = KINDS.filter(({ kind }) => kind === "Tier" || kind.startsWith("Staged"));
  const missing = policies.filter(({ kind }) => missingKinds.has(kind));
  for (let minor = NEWEST_KNOWN.minor; minor > 0; minor--) {
    const version = { major: NEWEST_KNOWN.major, minor, patch: Infinity };
    if (!missing.some(({ kind }) => hasKind(version, kind))) return { version, ...guess };
  }
  return { version: NEWEST_KNOWN, ...guess };
}

/** True for the DaemonSet calico-node. */
export function isCalicoNode(object: JsonObject): boolean {
  return object["kind"] === "DaemonSet" && textAt(object, "metadata", "name") === CALICO_NODE.name;
}

function workloadVersion(workload: JsonObject | undefined): CalicoVersion | undefined {
  if (workload === undefined) return undefined;
  const containers = objectsAt(objectAt(workload, "spec", "template", "spec"), "containers");
  const node = containers.find((container) => container["name"] === CALICO_NODE.name) ?? containers[0];
  return node === undefined ? undefined : imageVersion(textAt(node, "image"));
}

function informedVersion(value: Buffer | undefined): CalicoVersion | undefined {
  if (value === undefined) return undefined;
  const parsed = ClusterInformation.safeParse(parseJson(value));
  return parsed.success ? parseVersion(parsed.data.spec.calicoVersion ?? "") : undefined;
}

function parseJson(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}
