import type { Command } from "commander";
import type { World } from "../../world.ts";
import type { ManifestOption } from "../../../shared/migrations/manifests.ts";

/** An option of `start` that approves a subject in advance. */
export interface ApprovalOption {
  /** As commander gives it: `approveUncarried` for `--approve-uncarried`. */
  flag: string;
  subject: string;
  description: string;
}

/**
 * How one migration is asked for on a command line. `F` are its own flags, as commander gives them; durations have become
 * milliseconds. A command may have the flags of other migrations as well.
 */
export interface MigrationCommandLine<F> {
  /** The names of its own flags and of those that it shares. */
  flags: readonly string[];
  /** Adds the options that decide what a run may do to the cluster: `rbac` has these. */
  addRights(command: Command): void;
  /** Adds its other own options, which `rbac` has not. */
  addOthers?(command: Command): void;
  /** Adds those that only `rbac` has. */
  addRbac?(command: Command): void;
  /** The options of the migration's own schema; undefined for those that were not given. Paths are absolute. */
  optionsOf(world: Pick<World, "cwd">, flags: F): Readonly<Record<string, unknown>>;
  /** Which of these options name manifests: files, directories or URLs. */
  manifests: readonly ManifestOption[];
  approvals: readonly ApprovalOption[];
  /** False for a migration that has nothing to do with an etcd. */
  fromEtcd: boolean;
}
