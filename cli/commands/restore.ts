import { Command, Option } from "commander";
import { z } from "zod";
import { MigratorError } from "../../shared/errors.ts";
import { WorkFlags, withWorkOptions } from "../options/common.ts";
import { LockFlags, lockOptions, withLockOptions } from "../options/lock.ts";
import { ConnectionFlags, registeredConnection, withConnectionOptions } from "../options/connection.ts";
import { probe } from "../probe.ts";
import { openSession, type Session } from "../session.ts";
import { checkTargetWay } from "../start/check-line.ts";
import { prepareOnAws } from "../start/prepare-aws.ts";
import { prepareLocally } from "../start/prepare-local.ts";
import { type Prepared, refuseBusy } from "../start/prepared.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";
import { workOn } from "./work-on.ts";

const RestoreFlags = WorkFlags.extend({
  ...ConnectionFlags.shape,
  ...LockFlags.shape,
  side: z.enum(["etcd", "kubernetes"]),
});
type RestoreFlags = z.infer<typeof RestoreFlags>;

const EXAMPLES = `
Examples:
  calico-migrator restore etcd-to-kubernetes-1a2b3c4d --side etcd
  # From an exported backup alone, on another cluster
  calico-migrator backup import ./prod-backup
  calico-migrator restore backup-1a2b3c4d --side kubernetes --kubeconfig new.kubeconfig
`;

/** `restore`: puts one side back as a backup has it. */
export function restoreCommand(): CommandEntry {
  const command = new Command("restore")
    .summary("put one side back as a backup has it")
    .description(
      "Puts back what differs from a backup, with the datastore locked meanwhile; what is not in the backup is left alone. `rollback` takes it back.",
    )
    .argument("<backup>", "the run that made the backup")
    .addOption(
      new Option("--side <side>", "which side").choices(["etcd", "kubernetes"]).makeOptionMandatory(),
    );
  withWorkOptions(
    withConnectionOptions(withLockOptions(command)),
    "do not ask before the side is written to; what may be lost has subjects of its own",
  ).addHelpText("before", EXAMPLES.trimStart());
  return {
    command,
    check: async ({ world, flags }, faults) => {
      const way = RestoreFlags.parse(flags);
      if (namesCluster(way)) await checkTargetWay(world, way, faults);
    },
    handle: ({ world, args, flags }) => restore(world, args, RestoreFlags.parse(flags)),
  };
}

async function restore(world: World, args: readonly unknown[], flags: RestoreFlags): Promise<number> {
  const [backup] = z.tuple([z.string()]).parse(args);
  await using session = await openSession(world, flags, { concurrency: flags.concurrency });
  const prepared = await prepare(session, backup, flags);
  await refuseBusy(session, prepared.cluster);
  await prepared.register();
  const at = world.clock.now();
  const run = await session.actions.start({
    migration: "restore",
    cluster: prepared.cluster,
    options: { from: backup, side: flags.side, ...lockOptions(flags) },
    approvals: flags.yes ? [{ subject: "restore", by: world.user, at }] : [],
  });
  return await workOn(session, run, flags, { wanted: "forward", fromFirstEvent: true });
}

type OpenSession = Awaited<ReturnType<typeof openSession>>;

/** The cluster that the command line names; without one, that of the run that made the backup. */
async function prepare(session: OpenSession, backup: string, flags: RestoreFlags): Promise<Prepared> {
  if (namesCluster(flags))
    return session.kind === "aws"
      ? prepareOnAws(session, "restore", flags)
      : prepareLocally(session, "restore", flags);
  const cluster = await clusterOf(session, backup);
  if (session.kind === "store")
    await probe(session, "restore", await registeredConnection(session.embedded.clusters, cluster));
  return { cluster, options: {}, register: () => Promise.resolve() };
}

function namesCluster(flags: ConnectionFlags): boolean {
  return Object.values(ConnectionFlags.parse(flags)).some((value) => value !== undefined);
}

async function clusterOf({ store }: Pick<Session, "store">, backup: string): Promise<string> {
  const run = await store.getRun(backup);
  if (run !== undefined) return run.cluster;
  throw new MigratorError(
    "RESTORE_CLUSTER_MISSING",
    `this store does not know a run "${backup}", so not its cluster either`,
    {
      next: "Say where to restore to, with --kubeconfig FILE or --cluster NAME; `calico-migrator get` lists the runs, and `backup import FOLDER` brings a backup in.",
    },
  );
}
