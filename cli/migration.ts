import type { Migration } from "../shared/engine/migration.ts";
import { MigratorError } from "../shared/errors.ts";
import type { ClusterConnections } from "../shared/migrations/connections.ts";
import { usageError } from "./failures.ts";
import type { World } from "./world.ts";

/** A migration by name. Throws MIGRATION_UNKNOWN. */
export function migrationOf(
  { migrations }: Pick<World, "migrations">,
  name: string,
): Migration<ClusterConnections> {
  const migration = migrations.find((one) => one.name === name);
  if (migration !== undefined) return migration;
  const started = migrations.filter(({ command }) => command === undefined);
  throw new MigratorError("MIGRATION_UNKNOWN", `there is no migration "${name}"`, {
    next: `Use one of: ${started.map((one) => one.name).join(", ")}.`,
  });
}

/** A migration that people start by its name. Throws MIGRATION_UNKNOWN, and USAGE for one that has a command of its own. */
export function startedMigration(
  world: Pick<World, "migrations">,
  name: string,
): Migration<ClusterConnections> {
  const migration = migrationOf(world, name);
  const { command } = migration;
  if (command === undefined) return migration;
  throw usageError(`${name} has a command of its own`, `Use \`calico-migrator ${command}\`: see its --help.`);
}

/** The stages that `--yes` approves. */
export function pointsOfNoReturn({ stages }: Pick<Migration<ClusterConnections>, "stages">): string[] {
  return stages.filter((stage) => stage.pointOfNoReturn === true).map(({ name }) => name);
}
