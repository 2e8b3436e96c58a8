import { Command } from "commander";
import { z } from "zod";
import { errorMessage } from "../../shared/errors.ts";
import { EXIT } from "../exit-codes.ts";
import { startedMigration } from "../migration.ts";
import { oneLine } from "../output/escape.ts";
import { paintFor } from "../output/paint.ts";
import { print, type Printable } from "../output/print.ts";
import { integer, OutputFlags, withCommonOptions } from "../options/common.ts";
import { ConnectionFlags, withConnectionOptions } from "../options/connection.ts";
import {
  MigrationFlags,
  migrationOptions,
  refuseForeignOptions,
  STARTED_MIGRATIONS,
  withMigrationOptions,
} from "../options/migrations/index.ts";
import { inPlace } from "../in-place.ts";
import { openPlanPlace, type PlanPlace } from "../plan/place.ts";
import type { Planned } from "../plan/planned.ts";
import { preview, type Preview } from "../plan/preview.ts";
import type { FaultList } from "../faults.ts";
import { checkMigrationOptions, checkMigrationWay } from "../start/check-line.ts";
import { checksDocument, checksText, planDocument, type PlanSubject, planText } from "../plan/render.ts";
import { localStorePath } from "../local-session.ts";
import { commandLine } from "../session.ts";
import { targetOf } from "../target.ts";
import { parseFlags, soundFlags } from "../options/parse.ts";
import type { World } from "../world.ts";
import type { CommandEntry, Invocation } from "./command.ts";
import { requireEtcd } from "../probe.ts";

const PlanFlags = OutputFlags.extend({
  ...ConnectionFlags.shape,
  ...MigrationFlags.shape,
  concurrency: z.int().default(32),
});
type PlanFlags = z.infer<typeof PlanFlags>;

const EXAMPLES = `
Examples:
  calico-migrator plan etcd-to-kubernetes --kubeconfig prod.kubeconfig --etcd-endpoints https://10.0.0.1:2379 \\
      --etcd-ca ca.pem --etcd-cert client.pem --etcd-key client-key.pem --manifest calico-kdd.yaml
  calico-migrator plan apiserver-to-crds --kubeconfig prod.kubeconfig --crds v3_projectcalico_org.yaml
  calico-migrator preflight etcd-to-kubernetes --cluster prod -o json

  # For functions on AWS: looked at from here, kept there, for whoever starts it
  calico-migrator plan apiserver-to-crds --cluster prod --kubeconfig prod.kubeconfig --aws
`;

/** `plan`: what a run would do, with nothing changed; the plan is kept for `start --plan`. */
export function planCommand(): CommandEntry {
  const summary = "show what a migration would do, changing nothing";
  return entry({ command: "plan", keeps: true }, summary, (found, subject, world, flags) => ({
    document: planDocument(found, subject),
    text: () => planText(found, subject, paintFor(world, world.stdout, flags.color)),
    names: subject.migration.stages.map(({ name }) => name),
  }));
}

/** `preflight`: the checks of a migration alone. */
export function preflightCommand(): CommandEntry {
  const summary = "run the checks of a migration, changing nothing";
  return entry({ command: "preflight", keeps: false }, summary, (found, subject, world, flags) => ({
    document: checksDocument(found, subject),
    text: () => checksText(found.checks, paintFor(world, world.stdout, flags.color)),
    names: found.checks.filter(({ status }) => status === "fail").map(({ id }) => id),
  }));
}

type Show = (found: Preview, subject: PlanSubject, world: World, flags: PlanFlags) => Printable;

/** The command's name, and whether what it found can be started later. */
interface Way {
  command: string;
  keeps: boolean;
}

function entry(way: Way, summary: string, show: Show): CommandEntry {
  const command = new Command(way.command).summary(summary).argument("<migration>", STARTED_MIGRATIONS);
  command.description(
    `Looks at both sides, and changes nothing: ${summary}. Exit code 3: a blocking check failed.`,
  );
  withMigrationOptions(withConnectionOptions(command)).optionsGroup("Work:");
  command.option(
    "--concurrency <n>",
    "the most requests under way at the API server (default: 32)",
    integer(1, 1000),
  );
  withCommonOptions(command).addHelpText("before", EXAMPLES.trimStart());
  return {
    command,
    check: (invocation, faults) => check(invocation, way, faults),
    handle: ({ world, args, flags }) => look(world, args, parseFlags(PlanFlags, flags), { ...way, show }),
  };
}

async function check(
  { world, args, flags: given }: Invocation,
  { command, keeps }: Way,
  faults: FaultList,
): Promise<void> {
  const [name] = z.tuple([z.string()]).parse(args);
  const flags = soundFlags(PlanFlags, given, faults);
  await faults.look(() => (keeps ? targetOf(world, flags) : localStorePath(world, flags, command)));
  const migration = await faults.look(() => startedMigration(world, name));
  await checkMigrationWay(world, name, flags, faults);
  if (migration === undefined) return;
  await faults.look(() => {
    refuseForeignOptions(name, given);
  });
  await checkMigrationOptions(world, migration, flags, faults);
}

async function look(
  world: World,
  args: readonly unknown[],
  flags: PlanFlags,
  { show, ...way }: Way & { show: Show },
): Promise<number> {
  const [name] = z.tuple([z.string()]).parse(args);
  const migration = startedMigration(world, name);
  await using place = await openPlanPlace(world, flags, way);
  const cluster = await place.clusterOf(name, flags);
  requireEtcd(name, cluster.connection);
  const options = migrationOptions(world, name, flags);
  const request = { migration: name, options, cluster, concurrency: flags.concurrency };
  const [found, hash] = await preview(world, flags, request, async (found, looked) => [
    found,
    way.keeps && found.passed ? await keep(world, place, { migration, cluster, found, looked }) : undefined,
  ]);
  const kept =
    hash === undefined ? undefined : { hash, start: commandLine({ flags }, "start", "--plan", hash) };
  const checks = found.checks.map((check) => ({ ...check, fix: inPlace(check.fix, flags) }));
  print(world, flags, show({ ...found, checks }, { migration, cluster: cluster.name, kept }, world, flags));
  return found.passed ? EXIT.ok : EXIT.preflightFailed;
}

/** Keeps the plan. Where that cannot be, the plan is shown all the same, and told to be for reading alone. */
async function keep(world: World, place: PlanPlace, planned: Planned): Promise<string | undefined> {
  try {
    return await place.keep(planned);
  } catch (error) {
    world.stderr.write(
      `the plan is not kept, so \`start --plan\` cannot take it: ${oneLine(errorMessage(error))}\n`,
    );
    return undefined;
  }
}
