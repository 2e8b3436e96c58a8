import { isDeepStrictEqual } from "node:util";
import type { AwsSession } from "../aws/session.ts";
import type { LocalSession } from "../local-session.ts";
import { migrationOf } from "../migration.ts";
import { ConnectionFlags, connectionOf, type NamedConnection, register } from "../options/connection.ts";
import { manifestsIn, migrationOptions } from "../options/migrations/index.ts";
import { optionName } from "../options/names.ts";
import { oneLine } from "../output/escape.ts";
import { changesBetween, factsOf } from "../plan/facts.ts";
import { type FoundPlan, outdated, type PlanContent, removeExpired } from "../plan/kept-plan.ts";
import { preview } from "../plan/preview.ts";
import { registeredOtherwise } from "../plan/registration.ts";
import { manifestAsKept } from "./manifests.ts";
import { notRegistered } from "./prepare-aws.ts";
import type { Session } from "../session.ts";
import { type Prepared, refuseBusy, type StartWay } from "./prepared.ts";

/**
 * Prepares a run of exactly what was planned. What the command line says besides must be what the plan says; the cluster is looked
 * at once more, and must show what it showed then. Throws CLUSTER_BUSY, PLAN_OUTDATED,
 * naming all that has changed, and what looking throws.
 */
export async function prepareFromPlan(
  session: LocalSession | AwsSession,
  { hash, plan }: FoundPlan,
  flags: StartWay & { concurrency: number },
): Promise<Prepared> {
  const { world, artifacts } = session;
  const { migration, options } = plan;
  const cluster = await clusterOf(session, plan, flags);
  // Before the cluster is looked at: what another run does there would be told as what has changed.
  await refuseBusy(session, cluster.name);
  const changes = [...changedProgram(session, plan), ...changedCluster(cluster, plan)];
  if (session.kind === "aws") changes.push(...(await changedRegistration(session, migration, cluster)));
  changes.push(...(await changedOptions(session, plan, flags)));
  if (changes.length > 0) throw outdated(hash, changes);
  await tellEdited(session, plan);
  const request = { migration, options, cluster, concurrency: flags.concurrency, kept: artifacts };
  const facts = await preview(world, session.flags, request, factsOf);
  const found = changesBetween(plan.facts, facts);
  if (found.length > 0) throw outdated(hash, found);
  // Functions know the cluster as it is registered, and find the manifests where the plan is.
  if (session.kind === "aws") return { cluster: cluster.name, options, register: () => Promise.resolve() };
  const { clusters } = session.embedded;
  return {
    cluster: cluster.name,
    options,
    register: async () => {
      await register(clusters, cluster);
      await removeExpired(session.embedded.artifacts, world.clock.now());
    },
  };
}

/** The cluster of the plan, as this machine reaches it: the registry of a stack says that of functions alone. */
function clusterOf(
  session: LocalSession | AwsSession,
  { cluster }: PlanContent,
  flags: StartWay,
): Promise<NamedConnection> {
  const given = Object.values(ConnectionFlags.parse(flags)).some((value) => value !== undefined);
  if (!given) return Promise.resolve(cluster);
  return connectionOf(session.world, flags, (known) => {
    if (session.kind === "store") return session.embedded.clusters.get(known);
    return Promise.resolve(known === cluster.name ? cluster : undefined);
  });
}

async function changedRegistration(
  { stack }: AwsSession,
  migration: string,
  cluster: NamedConnection,
): Promise<string[]> {
  const registered = await stack.clusters.get(cluster.name);
  if (registered === undefined) throw notRegistered(cluster.name);
  return registeredOtherwise(migration, cluster, registered);
}

function changedProgram({ world }: Session, { version, migration, stages }: PlanContent): string[] {
  const present = migrationOf(world, migration).stages.map(({ name }) => name);
  return [
    ...(version === world.version ? [] : [`calico-migrator: planned ${version}, now ${world.version}`]),
    ...(isDeepStrictEqual(stages, present) ? [] : [`the stages of ${migration}`]),
  ];
}

function changedCluster({ name, connection }: NamedConnection, { cluster }: PlanContent): string[] {
  const [planned, now] = [cluster.connection, connection];
  const endpoints = ({ etcd }: typeof now): string => String(etcd?.["endpoints"] ?? "none");
  return [
    ...(name === cluster.name ? [] : [`--cluster: planned ${cluster.name}, now ${name}`]),
    ...(now.server === planned.server ? [] : [`API server: planned ${planned.server}, now ${now.server}`]),
    ...(endpoints(now) === endpoints(planned)
      ? []
      : [`--etcd-endpoints: planned ${endpoints(planned)}, now ${endpoints(now)}`]),
  ];
}

/** Of the options that the command line repeats; the others are those of the plan. Manifests count by their content. */
async function changedOptions(
  { world }: Session,
  { migration, options }: PlanContent,
  flags: StartWay,
): Promise<string[]> {
  const given = migrationOptions(world, migration, flags);
  for (const { option, source } of manifestsIn(migration, given))
    given[option] = await manifestAsKept(source);
  return Object.entries(given)
    .filter(([name, value]) => !isDeepStrictEqual(value, options[name]))
    .map(([name, value]) => `${name}: planned ${text(options[name])}, now ${text(value)}`);
}

function text(value: unknown): string {
  return value === undefined ? "nothing" : typeof value === "string" ? value : JSON.stringify(value);
}

/** A person who has edited a file since may think that it counts. */
async function tellEdited({ world }: Session, { sources, options }: PlanContent): Promise<void> {
  for (const [option, source] of Object.entries(sources)) {
    const now = await manifestAsKept(source).catch(() => undefined);
    if (now === options[option]) continue;
    const what = now === undefined ? "cannot be read any more" : "has changed since it was planned";
    world.stderr.write(
      `${optionName(option)}: ${oneLine(source)} ${what}; the run uses what was planned, ${text(options[option])}\n`,
    );
  }
}
