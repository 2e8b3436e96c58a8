import { Command } from "commander";
import { z } from "zod";
import type { Cluster } from "../../../shared/adapters/embedded/index.ts";
import { ClusterConnection } from "../../connections.ts";
import { API_VERSION, listDocument } from "../../documents.ts";
import { EXIT } from "../../exit-codes.ts";
import { OutputFlags, withCommonOptions } from "../../options/common.ts";
import { print } from "../../output/print.ts";
import { table } from "../../output/table.ts";
import { openSession, type Session } from "../../session.ts";
import type { AwsSession } from "../../aws/session.ts";
import type { LocalSession } from "../../local-session.ts";
import type { World } from "../../world.ts";
import type { CommandEntry } from "../command.ts";
import { addCommand } from "./add.ts";

/** `clusters`: lists the registered clusters. */
export function clustersCommand(): CommandEntry {
  const command = new Command("clusters")
    .summary("list, add or remove registered clusters")
    .description("Lists the clusters of the store, which holds paths and names, or those registered on AWS.");
  // Options after the name of a subcommand are the subcommand's.
  withCommonOptions(command).enablePositionalOptions();
  return {
    command,
    handle: ({ world, flags }) => list(world, OutputFlags.parse(flags)),
    children: [addCommand(), removeCommand()],
  };
}

/** `clusters remove`: forgets a cluster. */
function removeCommand(): CommandEntry {
  const command = new Command("remove")
    .summary("forget a cluster")
    .description(
      "Removes a cluster, unless a run on it is unfinished; on AWS its secret goes after seven days.",
    )
    .argument("<name>", "the registered name");
  withCommonOptions(command);
  return { command, handle: ({ world, args, flags }) => remove(world, args, OutputFlags.parse(flags)) };
}

/** A cluster as it is listed. */
interface Listed {
  name: string;
  labels: Record<string, string>;
  server: string;
  /** Of the kubeconfig; none on AWS, where a secret holds one context alone. */
  context: string;
  etcd: string[];
  /** Where its credentials are. */
  source: string;
  spec: object;
}

async function list(world: World, flags: OutputFlags): Promise<number> {
  await using session = await openSession(world, flags);
  const clusters = await listed(session);
  const document = ({ name, labels, spec }: Listed): object => ({
    ...{ apiVersion: API_VERSION, kind: "Cluster", metadata: { name, labels }, spec },
  });
  print(world, flags, {
    document: listDocument("ClusterList", clusters.map(document)),
    text: (wide) =>
      table(
        ["NAME", "SERVER", "CONTEXT", "ETCD", ...(wide ? ["CREDENTIALS", "LABELS"] : [])],
        clusters.map((cluster) => row(cluster, wide)),
      ),
    names: clusters.map(({ name }) => name),
  });
  return EXIT.ok;
}

async function listed(session: LocalSession | AwsSession): Promise<Listed[]> {
  if (session.kind === "store") return (await session.embedded.clusters.list()).map(localCluster);
  const clusters = await session.stack.clusters.list();
  return clusters.map(({ name, labels = {}, server, etcdEndpoints = [], secretArn, eks }) => ({
    ...{ name, labels, server, context: "-", etcd: etcdEndpoints },
    source: secretArn ?? `EKS ${eks?.clusterName ?? ""}`,
    spec: { server, etcdEndpoints, secretArn, eks },
  }));
}

function localCluster({ name, labels = {}, connection }: Cluster): Listed {
  const { server, context, kubeconfig, etcd } = ClusterConnection.parse(connection);
  const endpoints = [etcd?.["endpoints"] ?? []].flat();
  const source = kubeconfig.join(",");
  return { name, labels, server, context, etcd: endpoints, source, spec: { connection } };
}

function row({ name, server, context, etcd, source, labels }: Listed, wide: boolean): string[] {
  const labelled = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const columns = [name, server, context, etcd.length === 0 ? "-" : etcd.join(",")];
  return wide ? [...columns, source, labelled.join(",")] : columns;
}

async function remove(world: World, args: readonly unknown[], flags: OutputFlags): Promise<number> {
  const [name] = z.tuple([z.string()]).parse(args);
  await using session = await openSession(world, flags);
  if (session.kind === "store") await session.embedded.clusters.remove(name);
  else {
    const cluster = await session.stack.clusters.get(name);
    await session.stack.clusters.remove(name);
    if (cluster?.eks === undefined) {
      await session.stack.secrets.delete(name);
      tellRecovery(session);
    }
  }
  world.stdout.write(`${name}\n`);
  return EXIT.ok;
}

function tellRecovery({ world, flags }: Session): void {
  if (flags.output === "json" || flags.quiet) return;
  world.stderr.write("its secret is deleted in seven days; adding the cluster again restores it\n");
}
