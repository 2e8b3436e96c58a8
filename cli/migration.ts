import type { Migration } from "../shared/engine/migration.ts";
import { MigratorError } from "../shared/errors.ts";
import type { ClusterConnections } from "../shared/migrations/connections.ts";
import type { World } from "./world.ts";

/** A migration by name. Throws MIGRATION_UNKNOWN. */
export function migrationOf(
  { migrations }: Pick<World, "migrations">,
  name: string,
): Migration<ClusterConnections> {
  const migration = migrations.find((one) => one.name === name);
  if (migration !== undefined) return migration;
  throw new MigratorError("MIGRATION_UNKNOWN", `there is no migration "${name}"`, {
    next: `Use one of: ${migrations.map((one) => one.name).join(", ")}.`,
  });
}
