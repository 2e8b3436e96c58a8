/** The CRD by which a run can be shown. */
export const MIGRATION_CRD = "datastoremigrations.migration.projectcalico.org";

const PREFIX = "calico-migrator-";
const LONGEST = 253;

/**
 * The name of the DatastoreMigration that shows a run. Never `v1-to-v3`: kube-controllers' migration controller reads the
 * object of that name and no other (kube-controllers/pkg/controllers/migration), and would drive.
 */
export function mirrorName(runId: string): string {
  const safe = runId.toLowerCase().replaceAll(/[^a-z0-9-]/g, "-");
  return `${PREFIX}${safe}`.slice(0, LONGEST).replace(/[^a-z0-9]+$/, "");
}

/** True for the name of a DatastoreMigration that shows a run of this program. */
export function isMirrorName(name: string): boolean {
  return name.startsWith(PREFIX);
}
