import { stringify } from "yaml";
import type { TargetGroup } from "../shared/calico/kinds.ts";
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
import { GROUPS, sourceOf } from "./options/migration.ts";
import type { World } from "./world.ts";

/** The rights of which run, and for whom. */
export interface RbacRequest extends RbacSubject {
  manifest?: string | undefined;
  rollbackManifest?: string | undefined;
  /** Default: the group of the manifest's CRDs, else v1. */
  targetGroup?: keyof typeof GROUPS | undefined;
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
  const [manifest, rollbackManifest] = [await read(request.manifest), await read(request.rollbackManifest)];
  const targetGroup = request.targetGroup === undefined ? groupOf(manifest) : GROUPS[request.targetGroup];
  const rules = accessOf(request.migration, { targetGroup, manifest, rollbackManifest });
  const bindings = bindingObjects(request, rules);
  if (request.bindOnly === true) return bindings;
  const secrets = request.tokenSecret === true ? [tokenSecret(request)] : [];
  return [...accountObjects(request), ...secrets, ...roleObjects(request, rules), ...bindings];
}

/** Several objects as one YAML text, as `kubectl apply -f -` reads it. */
export function yamlOf(objects: readonly object[]): string {
  return objects.map((object) => `---\n${stringify(object)}`).join("");
}

function groupOf(manifest: readonly JsonObject[]): TargetGroup {
  const names = manifest.map((object) => textAt(object, "metadata", "name"));
  return names.includes("ippools.projectcalico.org") ? GROUPS.v3 : GROUPS.v1;
}
