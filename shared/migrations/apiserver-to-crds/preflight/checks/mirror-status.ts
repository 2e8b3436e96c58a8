import { textAt } from "../../../../kubernetes/fields.ts";
import { MIGRATION_CRD } from "../../mirror/name.ts";
import { block, type Check, pass } from "../check.ts";
import type { Facts } from "../facts.ts";
import { isAtLeast, parseVersion, type Version } from "../versions.ts";

/**
 * The first release of kube-controllers whose migration controller was not looked at. Those before have none, or one that
 * acts on a DatastoreMigration `v1-to-v3` alone (kube-controllers/pkg/controllers/migration, controller.go), and a run
 * never has that name.
 */
const UNKNOWN: Version = [3, 34, 0];

/** A run can be shown as a DatastoreMigration without anybody acting on it. */
export const mirrorStatus: Check = {
  id: "mirror-status",
  title: "the run can be shown as a DatastoreMigration, where that is asked for",
  why: "A DatastoreMigration must be no more than a picture to the migration controller of kube-controllers. Without the CRD there is nothing to show the run in.",
  severity: "blocking",
  fix: "Start again without --mirror-status, and follow the run with `calico-migrator describe`.",
  judge: (facts) => {
    if (!facts.mirrorStatus) return pass("not asked for");
    if (!hasCrd(facts))
      return block(`the CRD ${MIGRATION_CRD} is neither in the cluster nor in the manifest`, {
        next: "Put Calico's CRD of DatastoreMigration into what --crds names, apply it, or leave --mirror-status away.",
      });
    const controller = controllerOf(facts);
    if (controller !== undefined) return block(controller);
    return pass("it will be, and nobody acts on it");
  },
};

function hasCrd({ migrationVersions, manifest }: Facts): boolean {
  return (
    migrationVersions.length > 0 ||
    manifest.some(
      (object) =>
        object["kind"] === "CustomResourceDefinition" && textAt(object, "metadata", "name") === MIGRATION_CRD,
    )
  );
}

/** A migration controller that might act on the picture; undefined where there is none. */
function controllerOf({ workloads }: Facts): string | undefined {
  const found = workloads.find(({ name }) => name === "calico-kube-controllers");
  if (found === undefined) return undefined;
  const [{ version: named = "of a version that cannot be told" } = {}] = found.images;
  const version = parseVersion(named);
  if (version !== undefined && !isAtLeast(version, UNKNOWN)) return undefined;
  return `calico-kube-controllers ${named} in ${found.namespace} may act on any DatastoreMigration`;
}
