import { Command } from "commander";
import { z } from "zod";
import { parseApproval } from "../../shared/engine/approvals.ts";
import type { Migration } from "../../shared/engine/migration.ts";
import type { Approval } from "../../shared/engine/records.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { migrationOf } from "../migration.ts";
import { WorkFlags, withWorkOptions, withYesAlso } from "../options/common.ts";
import { ConnectionFlags, withConnectionOptions } from "../options/connection.ts";
import {
  approvedLosses,
  MigrationFlags,
  refuseForeignOptions,
  STARTED_MIGRATIONS,
  withLossOptions,
  withMigrationOptions,
} from "../options/migrations/index.ts";
import { openSession } from "../session.ts";
import { prepareLocally } from "../start/prepare-local.ts";
import { prepareOnAws } from "../start/prepare-aws.ts";
import { refuseBusy } from "../start/prepared.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";
import { workOn } from "./work-on.ts";

const StartFlags = WorkFlags.extend({
  ...ConnectionFlags.shape,
  ...MigrationFlags.shape,
  stopBefore: z.string().optional(),
  approve: z.array(z.string()).default([]),
});
type StartFlags = z.infer<typeof StartFlags>;

const EXAMPLES = `
Examples:
  # Look first, then migrate
  calico-migrator plan  etcd-to-kubernetes --kubeconfig prod.kubeconfig --etcd-endpoints https://10.0.0.1:2379 \\
      --etcd-ca ca.pem --etcd-cert client.pem --etcd-key client-key.pem
  calico-migrator start etcd-to-kubernetes --kubeconfig prod.kubeconfig --etcd-endpoints https://10.0.0.1:2379 \\
      --etcd-ca ca.pem --etcd-cert client.pem --etcd-key client-key.pem --manifest calico-kdd.yaml

  # From Calico's aggregated API server to native CRDs
  calico-migrator start apiserver-to-crds --kubeconfig prod.kubeconfig --crds v3_projectcalico_org.yaml

  # From a script: go as far as can be undone, look, then approve
  calico-migrator start etcd-to-kubernetes --cluster prod --manifest calico-kdd.yaml --stop-before unlock
  calico-migrator approve

  # On AWS: a cluster that was registered there, worked on by functions
  calico-migrator start etcd-to-kubernetes --cluster prod --manifest calico-kdd.yaml --aws
`;

/** `start`: registers the cluster, starts a run and works on it. */
export function startCommand(): CommandEntry {
  const command = new Command("start")
    .summary("start a migration and work on it")
    .description("Starts a migration of a cluster and works on it until it ends or a person has to decide.")
    .argument("<migration>", STARTED_MIGRATIONS);
  withMigrationOptions(withConnectionOptions(command)).optionsGroup("Approvals:");
  command.option("--stop-before <stage>", "wait for approval before this stage");
  withLossOptions(command).option(
    "--approve <subject...>",
    "approve in advance: a stage by its name, what a plan shows as SUBJECT@FINGERPRINT",
  );
  withYesAlso(
    withWorkOptions(
      command,
      "approve the points of no return, and ask nothing; --yes=STAGE also a stage that cannot be undone; losses have options of their own",
    ),
  );
  command.addHelpText("before", EXAMPLES.trimStart());
  return { command, handle: ({ world, args, flags }) => start(world, args, flags) };
}

async function start(world: World, args: readonly unknown[], given: unknown): Promise<number> {
  const [name] = z.tuple([z.string()]).parse(args);
  const migration = migrationOf(world, name);
  refuseForeignOptions(name, given);
  const flags = StartFlags.parse(given);
  await using session = await openSession(world, flags, { create: true, concurrency: flags.concurrency });
  const prepared = await (session.kind === "aws"
    ? prepareOnAws(session, name, flags)
    : prepareLocally(session, name, flags));
  await refuseBusy(session, prepared.cluster);
  await prepared.register();
  const run = await session.actions.start({
    migration: name,
    cluster: prepared.cluster,
    options: prepared.options,
    approvals: approvalsOf(world, migration, { ...flags, losses: approvedLosses(given) }),
    ...(flags.stopBefore === undefined ? {} : { stopBefore: flags.stopBefore }),
  });
  return await workOn(session, run, flags, { wanted: "forward", fromFirstEvent: true });
}

function approvalsOf(
  world: World,
  migration: Migration<ClusterConnections>,
  { approve, losses, yes, yesAlso }: StartFlags & { losses: readonly string[] },
): Approval[] {
  const named = [...approve, ...losses, ...yesAlso, ...(yes ? pointsOfNoReturn(migration) : [])];
  const at = world.clock.now();
  return [...new Set(named)].map((text) => ({ ...parseApproval(text), by: world.user, at }));
}

function pointsOfNoReturn(migration: Migration<ClusterConnections>): string[] {
  return migration.stages.filter((stage) => stage.pointOfNoReturn === true).map(({ name }) => name);
}
