import { Command } from "commander";
import { z } from "zod";
import type { Cluster } from "../../shared/adapters/embedded/index.ts";
import { ClusterConnection } from "../connections.ts";
import { API_VERSION, listDocument } from "../documents.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failures.ts";
import { print } from "../output/print.ts";
import { table } from "../output/table.ts";
import { OutputFlags, withCommonOptions } from "../options/common.ts";
import { ConnectionFlags, connectionOf, register, withWayOptions } from "../options/connection.ts";
import { openSession } from "../session.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";

const AddFlags = OutputFlags.extend({
  ...ConnectionFlags.omit({ cluster: true }).shape,
  label: z.array(z.string()).default([]),
  replace: z.boolean().default(false),
});

/** `clusters`: lists the registered clusters. */
export function clustersCommand(): CommandEntry {
  const command = new Command("clusters")
    .summary("list, add or remove registered clusters")
    .description("Lists the clusters of the store. It holds paths and names, never what is in the files.");
  // Options after the name of a subcommand are the subcommand's.
  withCommonOptions(command).enablePositionalOptions();
  return {
    command,
    handle: ({ world, flags }) => list(world, OutputFlags.parse(flags)),
    children: [addCommand(), removeCommand()],
  };
}

/** `clusters add`: registers a cluster, or renews it. */
function addCommand(): CommandEntry {
  const command = new Command("add")
    .summary("register a cluster")
    .description("Registers a cluster by a name, with the way to it.")
    .argument("<name>", "the name in this store")
    .option("-l, --label <key=value...>", "labels")
    .option("--replace", "replace a cluster of the same name, for example when its API server has moved");
  withWayOptions(command);
  withCommonOptions(command);
  return { command, handle: ({ world, args, flags }) => add(world, args, AddFlags.parse(flags)) };
}

/** `clusters remove`: forgets a cluster. */
function removeCommand(): CommandEntry {
  const command = new Command("remove")
    .summary("forget a cluster")
    .description("Removes a cluster from the store, unless a run on it is unfinished.")
    .argument("<name>", "the name in this store");
  withCommonOptions(command);
  return { command, handle: ({ world, args, flags }) => remove(world, args, OutputFlags.parse(flags)) };
}

async function list(world: World, flags: OutputFlags): Promise<number> {
  await using session = openSession(world, flags);
  const clusters = await session.embedded.clusters.list();
  print(world, flags, {
    document: listDocument("ClusterList", clusters.map(clusterDocument)),
    text: (wide) =>
      table(
        ["NAME", "SERVER", "CONTEXT", "ETCD", ...(wide ? ["KUBECONFIG", "LABELS"] : [])],
        clusters.map((cluster) => row(cluster, wide)),
      ),
    names: clusters.map(({ name }) => name),
  });
  return EXIT.ok;
}

function clusterDocument({ name, labels, connection }: Cluster): object {
  return { apiVersion: API_VERSION, kind: "Cluster", metadata: { name, labels }, spec: { connection } };
}

function row({ name, labels, connection }: Cluster, wide: boolean): string[] {
  const { server, context, kubeconfig, etcd } = ClusterConnection.parse(connection);
  const labelled = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const columns = [name, server, context, [etcd?.["endpoints"] ?? "-"].flat().join(",")];
  return wide ? [...columns, kubeconfig.join(","), labelled.join(",")] : columns;
}

async function add(world: World, args: readonly unknown[], flags: z.infer<typeof AddFlags>): Promise<number> {
  const [name] = z.tuple([z.string()]).parse(args);
  await using session = openSession(world, flags, { create: true });
  const { clusters } = session.embedded;
  const named = await connectionOf(world, { ...flags, cluster: name }, () => Promise.resolve(undefined));
  const labels = labelsOf(flags.label);
  if (flags.replace) await clusters.add({ ...named, labels }, { replace: true });
  else {
    await register(clusters, named);
    await clusters.add({ ...named, labels }, { replace: true });
  }
  world.stdout.write(`${name}\n`);
  return EXIT.ok;
}

function labelsOf(texts: readonly string[]): Record<string, string> {
  const pairs = texts.map((text): [string, string] => {
    const [key = "", ...rest] = text.split("=");
    if (key === "" || rest.length === 0)
      throw usageError(`the label "${text}" is not KEY=VALUE`, "Write labels like -l env=prod.");
    return [key, rest.join("=")];
  });
  return Object.fromEntries(pairs);
}

async function remove(world: World, args: readonly unknown[], flags: OutputFlags): Promise<number> {
  const [name] = z.tuple([z.string()]).parse(args);
  await using session = openSession(world, flags);
  await session.embedded.clusters.remove(name);
  world.stdout.write(`${name}\n`);
  return EXIT.ok;
}
