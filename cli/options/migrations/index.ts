import { type Command, Option } from "commander";
import { z } from "zod";
import { usageError } from "../../failures.ts";
import { throwFaults } from "../../faults.ts";
import type { World } from "../../world.ts";
import { optionName } from "../names.ts";
import { apiserverToCrds, ApiserverToCrdsFlags } from "./apiserver-to-crds.ts";
import type { ApprovalOption, MigrationCommandLine } from "./command-line.ts";
import { etcdToKubernetes, EtcdToKubernetesFlags } from "./etcd-to-kubernetes.ts";
import { SharedFlags, withSharedOptions } from "./shared.ts";

/** The flags of all migrations. */
export const MigrationFlags = z.object({
  ...SharedFlags.shape,
  ...EtcdToKubernetesFlags.shape,
  ...ApiserverToCrdsFlags.shape,
});
export type MigrationFlags = z.infer<typeof MigrationFlags>;

/** How migrations are asked for. A migration that is not here has no options. */
const COMMAND_LINES: Readonly<Record<string, MigrationCommandLine<MigrationFlags>>> = {
  "etcd-to-kubernetes": etcdToKubernetes,
  "apiserver-to-crds": apiserverToCrds,
};
const ALL = Object.entries(COMMAND_LINES);
const APPROVALS: readonly ApprovalOption[] = ALL.flatMap(([, { approvals }]) => approvals);
/** Some are of several migrations, always with one subject. */
const APPROVAL_FLAGS = [...new Set(APPROVALS.map(({ flag }) => flag))];
const Flags = z.record(z.string(), z.unknown());
const ApprovalFlags = z.object(
  Object.fromEntries(APPROVALS.map(({ flag }) => [flag, z.union([z.literal(true), z.string()]).optional()])),
);

/** The migrations that people start, for help texts. */
export const STARTED_MIGRATIONS = Object.keys(COMMAND_LINES).join(" or ");

/** Adds the options of all migrations, under a heading for each. */
export function withMigrationOptions(command: Command): Command {
  for (const [name, line] of ALL) {
    line.addRights(command.optionsGroup(`Only ${name}:`));
    line.addOthers?.(command);
  }
  return withSharedOptions(command.optionsGroup("Migration:"));
}

/** Adds the options that decide what a migration may do to the cluster, under a heading for each migration. */
export function withRightsOptions(command: Command): Command {
  for (const [name, line] of ALL) {
    line.addRights(command.optionsGroup(`Only ${name}:`));
    line.addRbac?.(command);
  }
  return command;
}

/** Adds the options that approve what a migration may lose. */
export function withLossOptions(command: Command): Command {
  for (const flag of APPROVAL_FLAGS) {
    const descriptions = ALL.flatMap(([name, { approvals }]) =>
      approvals.filter((one) => one.flag === flag).map(({ description }) => `${name}: ${description}`),
    );
    command.addOption(new Option(`${optionName(flag)} [fingerprint]`, descriptions.join("; ")));
  }
  return command;
}

/**
 * What these options approve: what a plan showed under the fingerprint, which the plan that is started knows by subject. Throws
 * USAGE for each without.
 */
export function approvedLosses(
  flags: unknown,
  fingerprints: Readonly<Record<string, string>> = {},
): string[] {
  const given = ApprovalFlags.parse(flags);
  const unseen: Error[] = [];
  const approvals = APPROVAL_FLAGS.flatMap((flag) => {
    const approved = given[flag];
    const subject = APPROVALS.find((one) => one.flag === flag)?.subject;
    if (approved === undefined || subject === undefined) return [];
    const fingerprint = approved === true ? fingerprints[subject] : approved;
    if (fingerprint === undefined) unseen.push(unseenLoss(flag));
    return [`${subject}@${fingerprint ?? ""}`];
  });
  throwFaults(unseen);
  return approvals;
}

function unseenLoss(flag: string): Error {
  return usageError(
    `${optionName(flag)} does not say what was looked at: it approves what a plan has shown, and nothing else`,
    `Give the fingerprint that \`calico-migrator plan\` shows, as ${optionName(flag)} FINGERPRINT; or start without it, and approve when the run asks.`,
  );
}

/** The options of a migration as its own schema takes them, without those that were not given. Paths become absolute. */
export function migrationOptions(
  world: Pick<World, "cwd">,
  migration: string,
  flags: MigrationFlags,
): Record<string, unknown> {
  const options = COMMAND_LINES[migration]?.optionsOf(world, flags) ?? {};
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** The manifests among a migration's options, by the name of the option. */
export function manifestsIn(
  migration: string,
  options: Readonly<Record<string, unknown>>,
): { option: string; source: string }[] {
  const names = COMMAND_LINES[migration]?.manifests ?? [];
  return names.flatMap((option) => {
    const source = options[option];
    return typeof source === "string" ? [{ option, source }] : [];
  });
}

/** What a migration has to do with an etcd: undefined where either may be. */
export function isFromEtcd(migration: string): boolean | undefined {
  return COMMAND_LINES[migration]?.fromEtcd;
}

/** Throws USAGE for each option that belongs to other migrations, naming both. */
export function refuseForeignOptions(migration: string, flags: unknown): void {
  const own = COMMAND_LINES[migration];
  if (own === undefined) return;
  const given = Object.entries(Flags.parse(flags)).filter(([, value]) => value !== undefined);
  const foreign = given.flatMap(([flag]) => {
    const owners = foreignOwners(own, flag);
    return owners.length === 0 ? [] : [foreignOption(flag, migration, owners)];
  });
  throwFaults(foreign);
}

/** The options without those that `refuseForeignOptions` has told of. */
export function ownOptions(migration: string, flags: unknown): Readonly<Record<string, unknown>> {
  const own = COMMAND_LINES[migration];
  const given = Object.entries(Flags.parse(flags));
  return Object.fromEntries(
    given.filter(([flag]) => own === undefined || foreignOwners(own, flag).length === 0),
  );
}

/** The migrations that an option belongs to, where this one is none of them. */
function foreignOwners(own: MigrationCommandLine<MigrationFlags>, flag: string): string[] {
  if (flagsOf(own).includes(flag)) return [];
  if (!own.fromEtcd && flag.startsWith("etcd")) return etcdMigrations();
  return ALL.filter(([, line]) => flagsOf(line).includes(flag)).map(([name]) => name);
}

function flagsOf({ flags, approvals }: MigrationCommandLine<MigrationFlags>): string[] {
  return [...flags, ...approvals.map(({ flag }) => flag)];
}

function etcdMigrations(): string[] {
  return ALL.filter(([, { fromEtcd }]) => fromEtcd).map(([name]) => name);
}

function foreignOption(flag: string, migration: string, owners: readonly string[]): Error {
  return usageError(
    `${optionName(flag)} is no option of ${migration}`,
    `Leave it out: it goes with ${owners.join(", ")}.`,
  );
}
