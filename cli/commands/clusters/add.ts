import { Command } from "commander";
import { z } from "zod";
import type { LocalSession } from "../../local-session.ts";
import { EXIT } from "../../exit-codes.ts";
import { usageError } from "../../failures.ts";
import { integer, OutputFlags, withCommonOptions } from "../../options/common.ts";
import {
  ConnectionFlags,
  connectionOf,
  type NamedConnection,
  register,
  withWayOptions,
} from "../../options/connection.ts";
import { parseFlags, soundFlags } from "../../options/parse.ts";
import { openSession } from "../../session.ts";
import type { World } from "../../world.ts";
import { type FaultList, throwFaults } from "../../faults.ts";
import { checkWay } from "../../start/check-line.ts";
import { targetOf } from "../../target.ts";
import type { CommandEntry, Invocation } from "../command.ts";
import { addOnAws, OnAwsFlags } from "./add-aws.ts";

const AddFlags = OutputFlags.extend({
  ...ConnectionFlags.omit({ cluster: true }).shape,
  ...OnAwsFlags.shape,
  label: z.array(z.string()).default([]),
  replace: z.boolean().default(false),
});
type AddFlags = z.infer<typeof AddFlags>;

const EXAMPLES = `
Examples:
  calico-migrator clusters add prod --kubeconfig prod.kubeconfig --etcd-endpoints https://10.0.0.1:2379

  # On AWS, with a service account of its own instead of your credentials
  calico-migrator rbac etcd-to-kubernetes --manifest calico-kdd.yaml | kubectl apply -f -
  calico-migrator clusters add prod --kubeconfig admin.kubeconfig --service-account calico-migrator/calico-migrator \\
      --etcd-endpoints https://10.0.0.1:2379 --etcd-ca ca.pem --etcd-cert client.pem --etcd-key client-key.pem --aws

  # On AWS, an EKS cluster: nothing secret is stored
  calico-migrator clusters add shop --eks shop --kubeconfig shop.kubeconfig --aws
`;

/** `clusters add`: registers a cluster, or renews it. */
export function addCommand(): CommandEntry {
  const command = new Command("add")
    .summary("register a cluster")
    .description(
      "Registers a cluster by a name, with the way to it. In a store that is paths of files; on AWS, what the files hold becomes a secret of AWS Secrets Manager.",
    )
    .argument("<name>", "the name to register")
    .option("-l, --label <key=value...>", "labels")
    .option("--replace", "replace a cluster of the same name, for example when its API server has moved");
  withWayOptions(command);
  withAwsOptions(command);
  withCommonOptions(command).addHelpText("before", EXAMPLES.trimStart());
  return {
    command,
    check,
    handle: ({ world, args, flags }) => add(world, args, parseFlags(AddFlags, flags)),
  };
}

function withAwsOptions(command: Command): void {
  command
    .optionsGroup("Only with --aws:")
    .option(
      "--service-account <namespace/name>",
      "store a token of this service account, asked for with the kubeconfig",
    )
    .option("--token-hours <n>", "how long that token shall live (default: 24)", integer(1, 8760))
    .option("--eks <name>", "an EKS cluster of this name: tokens are signed when they are needed")
    .option("--eks-region <region>", "its region (default: as its endpoint says)")
    .option("--role-arn <arn>", "the role that the EKS cluster knows (default: the functions' own)")
    .option("--no-probe", "do not connect to both sides from here first")
    .option("--migration <name>", "print the least rights for this migration, instead of the cluster's name");
}

async function check({ world, flags: given }: Invocation, faults: FaultList): Promise<void> {
  const flags = soundFlags(AddFlags, given, faults);
  const target = await faults.look(() => targetOf(world, flags));
  await faults.look(() => labelsOf(flags.label));
  if (target?.kind === "store")
    await faults.look(() => {
      refuseAwsOptions(flags);
    });
  await checkWay(world, flags, faults);
}

async function add(world: World, args: readonly unknown[], flags: AddFlags): Promise<number> {
  const [name] = z.tuple([z.string()]).parse(args);
  await using session = await openSession(world, flags, { create: true });
  const named = await connectionOf(world, { ...flags, cluster: name }, () => Promise.resolve(undefined));
  const labels = labelsOf(flags.label);
  if (session.kind === "aws")
    return await addOnAws(session, { ...named, labels, replace: flags.replace }, flags);
  await addToStore(session, named, labels, flags.replace);
  world.stdout.write(`${name}\n`);
  return EXIT.ok;
}

async function addToStore(
  { embedded: { clusters } }: LocalSession,
  named: NamedConnection,
  labels: Record<string, string>,
  replace: boolean,
): Promise<void> {
  if (!replace) await register(clusters, named);
  await clusters.add({ ...named, labels }, { replace: true });
}

function refuseAwsOptions(flags: AddFlags): void {
  const { probe, ...rest } = OnAwsFlags.parse(flags);
  const given = [...Object.values(rest), probe ? undefined : probe].some((value) => value !== undefined);
  if (!given) return;
  throw usageError(
    "--service-account, --token-hours, --eks, --eks-region, --role-arn, --no-probe and --migration go with --aws alone",
    "Leave them out, or add --aws.",
  );
}

function labelsOf(texts: readonly string[]): Record<string, string> {
  const wrong = texts.filter((text) => !/^[^=]+=/.test(text));
  throwFaults(
    wrong.map((text) => usageError(`the label "${text}" is not KEY=VALUE`, "Write labels like -l env=prod.")),
  );
  return Object.fromEntries(texts.map((text) => text.split(/=(.*)/s).slice(0, 2)) as [string, string][]);
}
