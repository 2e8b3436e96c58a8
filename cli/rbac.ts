import { stringify } from "yaml";
import { crdName, KINDS, type TargetGroup } from "../shared/calico/kinds.ts";
import { hasKind } from "../shared/calico/versions/rules.ts";
import { parseVersion } from "../shared/calico/versions/version.ts";
import type { JsonObject } from "../shared/json.ts";
import { textAt } from "../shared/kubernetes/fields.ts";
import { loadManifests } from "../shared/kubernetes/manifests.ts";
import { accessOf } from "../shared/migrations/access.ts";
import {
  accountObjects,
  bindingObjects,
  type RbacSubject,
  roleObjects,
  tokenSecret,
} from "../shared/migrations/rbac/objects.ts";
import { GROUPS } from "./options/migrations/etcd-to-kubernetes.ts";
import type { MigrationFlags } from "./options/migrations/index.ts";
import { sourceOf } from "./options/migrations/shared.ts";
import type { World } from "./world.ts";

/** The rights of which run, and for whom. Without a target group it is that of the manifest's CRDs, else v1. */
export interface RbacRequest extends RbacSubject, MigrationFlags {
  /** The bindings alone, where the account and the roles are there. Default false. */
  bindOnly?: boolean;
  /** Also a Secret with a token that does not expire. Default false. */
  tokenSecret?: boolean;
}

/**
 * The Kubernetes objects that give a service account exactly the rights of a migration. Throws MIGRATION_UNKNOWN and what
 * `loadManifests` throws.
 */
export async function rbacObjects(world: Pick<World, "cwd">, request: RbacRequest): Promise<JsonObject[]> {
  const read = async (source: string | undefined): Promise<JsonObject[]> => {
    const given = sourceOf(world, source);
    return given === undefined ? [] : loadManifests(given);
  };
  const manifest = await read(request.manifest ?? request.crds);
  const rollbackManifest = await read(request.rollbackManifest);
  const { migration, targetGroup: group, gitops, mirrorStatus, dependants, enforcedOwners } = request;
  const targetGroup = group === undefined ? groupOf(manifest) : GROUPS[group];
  const missingKinds = kindsWithoutCrd(manifest, targetGroup, request.calicoVersion);
  const rules = accessOf(migration, {
    ...{ targetGroup, missingKinds, manifest, rollbackManifest, mirrorStatus, dependants },
    enforcesOwners: enforcedOwners,
    pausesGitOps: gitops === undefined || gitops === "pause",
  });
  const bindings = bindingObjects(request, rules);
  if (request.bindOnly === true) return bindings;
  const secrets = request.tokenSecret === true ? [tokenSecret(request)] : [];
  return [...accountObjects(request), ...secrets, ...roleObjects(request, rules), ...bindings];
}

/** Several objects as one YAML text, as `kubectl apply -f -` reads it. */
export function yamlOf(objects: readonly object[]): string {
  return objects.map((object) => `---\n${stringify(object)}`).join("");
}

/** What the manifest's CRDs do not hold; without any, what the version has not; nothing where neither is given. */
function kindsWithoutCrd(
  manifest: readonly JsonObject[],
  group: TargetGroup,
  calicoVersion: string | undefined,
): ReadonlySet<string> {
  const names = new Set(manifest.map((object) => textAt(object, "metadata", "name")));
  const version = parseVersion(calicoVersion ?? "");
  const missing = KINDS.filter((info) => info.group === "crd").filter(({ kind }) => {
    if (names.has(crdName("IPPool", group) ?? "")) return !names.has(crdName(kind, group) ?? "");
    return version !== undefined && !hasKind(version, kind);
  });
  return new Set(missing.map(({ kind }) => kind));
}

function groupOf(manifest: readonly JsonObject[]): TargetGroup {
  const names = manifest.map((object) => textAt(object, "metadata", "name"));
  return names.includes("ippools.projectcalico.org") ? GROUPS.v3 : GROUPS.v1;
}
