import { checkStage, parseOptions } from "../../shared/engine/engine.ts";
import type { Migration } from "../../shared/engine/migration.ts";
import type { Approval } from "../../shared/engine/records.ts";
import { approvedInAdvance } from "../../shared/engine/subjects.ts";
import { loadEtcdConfig } from "../../shared/etcd/config.ts";
import { loadManifests } from "../../shared/kubernetes/manifests.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { usageError } from "../failures.ts";
import type { FaultList } from "../faults.ts";
import { chosenContext, ConnectionFlags, etcdOf, givenEtcd, namesRegistered } from "../options/connection.ts";
import {
  isFromEtcd,
  type MigrationFlags,
  manifestsIn,
  migrationOptions,
} from "../options/migrations/index.ts";
import { etcdMissing } from "../probe.ts";
import type { OutputFlags } from "../options/common.ts";
import { targetOf } from "../target.ts";
import type { World } from "../world.ts";
import { clusterOnAws } from "./prepare-aws.ts";

/**
 * Looks for all that is wrong with the way to a cluster, as far as the files of this machine tell. Connects to nothing. What
 * is registered is known when the store is open.
 */
export async function checkWay(
  world: Pick<World, "env" | "cwd">,
  flags: ConnectionFlags,
  faults: FaultList,
): Promise<void> {
  if (!namesRegistered(flags)) await faults.look(() => chosenContext(world, flags));
  const given = givenEtcd(flags);
  if (given.length > 0 && flags.etcdEndpoints === undefined) faults.add(noEndpoints(given));
  const etcd = etcdOf(world, flags);
  if (etcd !== undefined) await faults.look(() => loadEtcdConfig(etcd));
}

function noEndpoints(given: readonly string[]): Error {
  return usageError(
    `${given.join(", ")} without --etcd-endpoints: of which etcd?`,
    "Add --etcd-endpoints https://HOST:2379.",
  );
}

/** The same for a run without options of its own: on AWS its cluster is registered. */
export async function checkTargetWay(
  world: World,
  flags: ConnectionFlags & OutputFlags,
  faults: FaultList,
): Promise<void> {
  const target = await faults.look(() => targetOf(world, flags));
  if (target?.kind === "aws") await faults.look(() => clusterOnAws(flags));
  else await checkWay(world, flags, faults);
}

/** The same for a migration, which may need an etcd, or have nothing to do with one. */
export async function checkMigrationWay(
  world: Pick<World, "env" | "cwd">,
  migration: string,
  flags: ConnectionFlags,
  faults: FaultList,
): Promise<void> {
  const { cluster, kubeconfig, context } = ConnectionFlags.parse(flags);
  const fromEtcd = isFromEtcd(migration);
  await checkWay(world, fromEtcd === false ? { cluster, kubeconfig, context } : flags, faults);
  if (fromEtcd === true && givenEtcd(flags).length === 0 && !namesRegistered(flags))
    faults.add(etcdMissing());
}

/** Looks for all that is wrong with the options of a migration, and with the manifests that they name. */
export async function checkMigrationOptions(
  world: Pick<World, "cwd">,
  migration: Migration<ClusterConnections>,
  flags: MigrationFlags,
  faults: FaultList,
): Promise<void> {
  const { name } = migration;
  const named = await checkManifests(world, name, flags, faults);
  // What is wrong with a manifest was told.
  const options = Object.entries(migrationOptions(world, name, flags)).filter(
    ([option]) => !named.has(option),
  );
  await faults.look(() => parseOptions(migration, Object.fromEntries(options)));
}

/** Reads every manifest that the options of a migration name, and gives the names of these options. */
export async function checkManifests(
  world: Pick<World, "cwd">,
  migration: string,
  flags: MigrationFlags,
  faults: FaultList,
): Promise<ReadonlySet<string>> {
  const manifests = manifestsIn(migration, migrationOptions(world, migration, flags));
  for (const { source } of manifests) await faults.look(() => loadManifests(source));
  return new Set(manifests.map(({ option }) => option));
}

/** Looks for stages and subjects that the migration has not, and for approvals of what nobody has seen. */
export async function checkDecisions(
  migration: Migration<ClusterConnections>,
  { stopBefore, approvals }: { stopBefore?: string | undefined; approvals: readonly Approval[] },
  faults: FaultList,
): Promise<void> {
  await faults.look(() => {
    checkStage(migration, stopBefore);
  });
  // A stage that there is not would count as a subject.
  const stop = migration.stages.find(({ name }) => name === stopBefore)?.name;
  for (const approval of approvals) await faults.look(() => approvedInAdvance(migration, [approval], stop));
}
