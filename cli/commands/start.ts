import { Command } from "commander";
import { z } from "zod";
import { ClusterBusyError } from "../../shared/engine/errors.ts";
import type { Migration } from "../../shared/engine/migration.ts";
import type { Approval } from "../../shared/engine/records.ts";
import { loadManifests } from "../../shared/kubernetes/manifests.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { WorkFlags, withWorkOptions } from "../options/common.ts";
import { ConnectionFlags, connectionOf, register, withConnectionOptions } from "../options/connection.ts";
import { EtcdToKubernetesFlags, migrationOptions, withMigrationOptions } from "../options/migration.ts";
import { openSession, type Session } from "../session.ts";
import { isUnfinished, allRuns } from "../runs.ts";
import type { World } from "../world.ts";
import { probe, requireEtcd } from "../probe.ts";
import type { CommandEntry } from "./command.ts";
import { workOn } from "./work-on.ts";

const StartFlags = WorkFlags.extend({
  ...ConnectionFlags.shape,
  ...EtcdToKubernetesFlags.shape,
  stopBefore: z.string().optional(),
  approve: z.array(z.string()).default([]),
  approveUnmappedNodes: z.boolean().default(false),
  approveUncarried: z.boolean().default(false),
});
type StartFlags = z.infer<typeof StartFlags>;

const EXAMPLES = `
Examples:
  # Look first, then migrate
  calico-migrator plan  etcd-to-kubernetes --kubeconfig prod.kubeconfig --etcd-endpoints https://10.0.0.1:2379 \\
      --etcd-ca ca.pem --etcd-cert client.pem --etcd-key client-key.pem
  calico-migrator start etcd-to-kubernetes --kubeconfig prod.kubeconfig --etcd-endpoints https://10.0.0.1:2379 \\
      --etcd-ca ca.pem --etcd-cert client.pem --etcd-key client-key.pem --manifest calico-kdd.yaml

  # From a script: go as far as can be undone, look, then approve
  calico-migrator start etcd-to-kubernetes --cluster prod --manifest calico-kdd.yaml --stop-before unlock
  calico-migrator approve
`;

/** `start`: registers the cluster, starts a run and works on it. */
export function startCommand(): CommandEntry {
  const command = new Command("start")
    .summary("start a migration and work on it")
    .description("Starts a migration of a cluster and works on it until it ends or a person has to decide.")
    .argument("<migration>", "etcd-to-kubernetes");
  withMigrationOptions(withConnectionOptions(command))
    .optionsGroup("Approvals:")
    .option("--stop-before <stage>", "wait for approval before this stage")
    .option("--approve-unmapped-nodes", "accept that what names an unknown node is not carried")
    .option("--approve-uncarried", "accept that what has no place in the Kubernetes datastore is not carried")
    .option("--approve <subject...>", "approve these subjects in advance");
  withWorkOptions(
    command,
    "approve the points of no return, and ask nothing; losses have options of their own",
  );
  command.addHelpText("before", EXAMPLES.trimStart());
  return { command, handle: ({ world, args, flags }) => start(world, args, StartFlags.parse(flags)) };
}

async function start(world: World, args: readonly unknown[], flags: StartFlags): Promise<number> {
  const [name] = z.tuple([z.string()]).parse(args);
  await using session = openSession(world, flags, { create: true, concurrency: flags.concurrency });
  const migration = session.engine.migration(name);
  const cluster = await connectionOf(world, flags, (known) => session.embedded.clusters.get(known));
  requireEtcd(name, cluster.connection);
  const options = migrationOptions(world, name, flags);
  await probe(session, cluster.connection);
  for (const source of [flags.manifest, flags.rollbackManifest]) {
    if (source !== undefined) await loadManifests(source);
  }
  await refuseBusy(session, cluster.name);
  await register(session.embedded.clusters, cluster);
  const run = await session.engine.start({
    migration: name,
    cluster: cluster.name,
    options,
    approvals: approvalsOf(world, migration, flags),
    ...(flags.stopBefore === undefined ? {} : { stopBefore: flags.stopBefore }),
  });
  return await workOn(session, run, flags, { wanted: "forward", fromFirstEvent: true });
}

/** Another run that has changed the cluster would make this one fail later, when it wants to change it too. */
async function refuseBusy({ embedded }: Session, cluster: string): Promise<void> {
  for await (const run of allRuns(embedded.store, cluster)) {
    if (run.holdsCluster && isUnfinished(run)) throw new ClusterBusyError(cluster, run.runId);
  }
}

function approvalsOf(world: World, migration: Migration<ClusterConnections>, flags: StartFlags): Approval[] {
  const subjects = [
    ...flags.approve,
    ...(flags.approveUnmappedNodes ? ["unmapped-nodes"] : []),
    ...(flags.approveUncarried ? ["uncarried"] : []),
    ...(flags.yes ? pointsOfNoReturn(migration) : []),
  ];
  const at = world.clock.now();
  return [...new Set(subjects)].map((subject) => ({ subject, by: world.user, at }));
}

function pointsOfNoReturn(migration: Migration<ClusterConnections>): string[] {
  return migration.stages.filter((stage) => stage.pointOfNoReturn === true).map(({ name }) => name);
}
