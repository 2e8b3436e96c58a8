import { Command } from "commander";
import { z } from "zod";
import { parseApproval } from "../../shared/engine/approvals.ts";
import type { Migration } from "../../shared/engine/migration.ts";
import type { Approval } from "../../shared/engine/records.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import type { AwsSession } from "../aws/session.ts";
import { usageError } from "../failures.ts";
import type { FaultList } from "../faults.ts";
import type { LocalSession } from "../local-session.ts";
import { pointsOfNoReturn, startedMigration } from "../migration.ts";
import { WorkFlags, withWorkOptions, withYesAlso } from "../options/common.ts";
import { ConnectionFlags, withConnectionOptions } from "../options/connection.ts";
import {
  approvedLosses,
  MigrationFlags,
  ownOptions,
  refuseForeignOptions,
  STARTED_MIGRATIONS,
  withLossOptions,
  withMigrationOptions,
} from "../options/migrations/index.ts";
import { findPlan, type FoundPlan } from "../plan/kept-plan.ts";
import { openSession, type Session } from "../session.ts";
import { prepareFromPlan } from "../start/from-plan.ts";
import { prepareLocally } from "../start/prepare-local.ts";
import { checkDecisions, checkMigrationOptions, checkMigrationWay } from "../start/check-line.ts";
import { clusterOnAws, prepareOnAws } from "../start/prepare-aws.ts";
import { type Prepared, refuseBusy } from "../start/prepared.ts";
import { parseFlags, soundFlags } from "../options/parse.ts";
import { targetOf } from "../target.ts";
import type { World } from "../world.ts";
import type { CommandEntry, Invocation } from "./command.ts";
import { workOn } from "./work-on.ts";

const StartFlags = WorkFlags.extend({
  ...ConnectionFlags.shape,
  ...MigrationFlags.shape,
  stopBefore: z.string().optional(),
  approve: z.array(z.string()).default([]),
  plan: z.string().optional(),
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

  # Exactly what a plan has shown, or not at all
  calico-migrator start --plan 3f2a91c0d4e7

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
    .argument("[migration]", `${STARTED_MIGRATIONS}; a plan says it`)
    .option(
      "--plan <hash>",
      "what `plan` has shown under this hash, or nothing if anything of it has changed",
    );
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
  return { command, check, handle: ({ world, args, flags }) => start(world, args, flags) };
}

async function check({ world, args, flags: given }: Invocation, faults: FaultList): Promise<void> {
  const [asked] = z.tuple([z.string().optional()]).parse(args);
  const flags = soundFlags(StartFlags, given, faults);
  const target = await faults.look(() => targetOf(world, flags));
  // A plan has the migration, its manifests and what was shown of it; it is read first.
  if (flags.plan !== undefined) return;
  const name = await faults.look(() => migrationName(asked, undefined));
  if (name === undefined) return;
  if (target?.kind === "aws") await faults.look(() => clusterOnAws(flags));
  else await checkMigrationWay(world, name, flags, faults);
  const migration = await faults.look(() => startedMigration(world, name));
  if (migration === undefined) return;
  await checkMigrationOptions(world, migration, flags, faults);
  await faults.look(() => {
    refuseForeignOptions(name, given);
  });
  const losses = (await faults.look(() => approvedLosses(ownOptions(name, given)))) ?? [];
  const approvals = approvalsOf(world, migration, { ...flags, losses });
  await checkDecisions(migration, { ...flags, approvals }, faults);
}

async function start(world: World, args: readonly unknown[], given: unknown): Promise<number> {
  const [asked] = z.tuple([z.string().optional()]).parse(args);
  const flags = parseFlags(StartFlags, given);
  if (flags.plan === undefined) checkOptions(world, migrationName(asked, undefined), given);
  await using session = await openSession(world, flags, { create: true, concurrency: flags.concurrency });
  const planned = flags.plan === undefined ? undefined : await plannedBy(session, flags.plan);
  const name = migrationName(asked, planned);
  const migration = checkOptions(world, name, given);
  const losses = approvedLosses(given, planned?.plan.fingerprints);
  const prepared = await prepare(session, name, planned, flags);
  await refuseBusy(session, prepared.cluster);
  await prepared.register();
  const run = await session.actions.start({
    migration: name,
    cluster: prepared.cluster,
    options: prepared.options,
    approvals: approvalsOf(world, migration, { ...flags, losses, fingerprints: planned?.plan.fingerprints }),
    ...(planned === undefined ? {} : { plan: planned.hash }),
    ...(flags.stopBefore === undefined ? {} : { stopBefore: flags.stopBefore }),
  });
  return await workOn(session, run, flags, { wanted: "forward", fromFirstEvent: true });
}

function checkOptions(world: World, name: string, given: unknown): Migration<ClusterConnections> {
  const migration = startedMigration(world, name);
  refuseForeignOptions(name, given);
  return migration;
}

async function plannedBy({ artifacts, world }: Session, hash: string): Promise<FoundPlan> {
  return findPlan(artifacts, hash, world.clock.now());
}

function migrationName(asked: string | undefined, planned: FoundPlan | undefined): string {
  const name = planned?.plan.migration ?? asked;
  if (name === undefined)
    throw usageError("which migration?", `Name it, ${STARTED_MIGRATIONS}; or give --plan HASH.`);
  if (asked === undefined || asked === name) return name;
  throw usageError(
    `plan ${planned?.hash ?? ""} is of ${name}, not of ${asked}`,
    `Leave ${asked} out, or give the hash of a plan of it.`,
  );
}

function prepare(
  session: LocalSession | AwsSession,
  name: string,
  planned: FoundPlan | undefined,
  flags: StartFlags,
): Promise<Prepared> {
  if (planned !== undefined) return prepareFromPlan(session, planned, flags);
  return session.kind === "aws" ? prepareOnAws(session, name, flags) : prepareLocally(session, name, flags);
}

/** What is approved as it was planned needs no fingerprint here: the plan has it. */
function approvalsOf(
  world: World,
  migration: Migration<ClusterConnections>,
  {
    approve,
    losses,
    yes,
    yesAlso,
    fingerprints = {},
  }: StartFlags & { losses: readonly string[]; fingerprints?: Readonly<Record<string, string>> | undefined },
): Approval[] {
  const named = [...approve, ...losses, ...yesAlso, ...(yes ? pointsOfNoReturn(migration) : [])];
  const at = world.clock.now();
  return [...new Set(named)].map((text) => {
    const { subject, fingerprint = fingerprints[subject] } = parseApproval(text);
    return { subject, fingerprint, by: world.user, at };
  });
}
