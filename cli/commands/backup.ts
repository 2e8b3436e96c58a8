import { resolve } from "node:path";
import { Command } from "commander";
import { z } from "zod";
import { exportBackup } from "../backup/export.ts";
import { folderIndex, type Imported, importBackup } from "../backup/import.ts";
import { BackupName } from "../backup/read-folder.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failures.ts";
import { OutputFlags, WorkFlags, withCommonOptions, withWorkOptions } from "../options/common.ts";
import { parseFlags, soundFlags } from "../options/parse.ts";
import { print } from "../output/print.ts";
import { ConnectionFlags, withConnectionOptions } from "../options/connection.ts";
import { commandLine, openSession, type Session } from "../session.ts";
import { checkTargetWay } from "../start/check-line.ts";
import { prepareLocally } from "../start/prepare-local.ts";
import { prepareOnAws } from "../start/prepare-aws.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";
import { workOn } from "./work-on.ts";

const BackupFlags = WorkFlags.extend({ ...ConnectionFlags.shape });

const EXAMPLES = `
Examples:
  calico-migrator backup --kubeconfig prod.kubeconfig --etcd-endpoints http://10.0.0.1:2379
  calico-migrator backup --cluster prod -o name
  calico-migrator backup export backup-1a2b3c4d ./prod-backup
  calico-migrator backup import ./prod-backup --store other.db
`;

/** `backup`: keeps Calico's data of both sides in the store, without a migration. */
export function backupCommand(): CommandEntry {
  const command = new Command("backup")
    .summary("back up Calico's data of both sides")
    .description("Keeps Calico's data in etcd and in Kubernetes in the store; `restore` puts it back.");
  // Options after the name of a subcommand are the subcommand's.
  withWorkOptions(withConnectionOptions(command), "ask nothing")
    .addHelpText("before", EXAMPLES.trimStart())
    .enablePositionalOptions();
  return {
    command,
    check: ({ world, flags }, faults) => checkTargetWay(world, BackupFlags.parse(flags), faults),
    handle: ({ world, flags }) => backup(world, BackupFlags.parse(flags)),
    children: [exportCommand(), importCommand()],
  };
}

function exportCommand(): CommandEntry {
  const command = new Command("export")
    .summary("write a backup into a folder that kubectl and calicoctl can read")
    .description(
      "Writes objects as kubectl reads them, v3 resources of etcd as calicoctl does, with checksums. No Secret is ever in it.",
    )
    .argument("<backup>", "the run that made the backup")
    .argument("<folder>", "where to; empty or new");
  withCommonOptions(command);
  return { command, handle: ({ world, args, flags }) => exportTo(world, args, OutputFlags.parse(flags)) };
}

async function exportTo(world: World, args: readonly unknown[], flags: OutputFlags): Promise<number> {
  const [from, folder] = z.tuple([z.string(), z.string()]).parse(args);
  requireFolder(folder);
  await using session = await openSession(world, flags);
  const path = resolve(world.cwd, folder);
  const { files, resources } = await exportBackup(session.artifacts, from, path);
  print(world, flags, {
    document: { backup: from, folder: path, files, resources },
    text: () => `${from}: ${resources} resources in ${files} files of ${path}\n`,
    names: [path],
  });
  return EXIT.ok;
}

const ImportFlags = OutputFlags.extend({
  name: BackupName.optional(),
  acceptChanges: z.boolean().default(false),
});

function importCommand(): CommandEntry {
  const command = new Command("import")
    .summary("read an exported backup into this store")
    .description("Checks every file of an exported backup, then keeps it in the store for `restore`.")
    .argument("<folder>", "what `backup export` has written")
    .option("--name <name>", "the backup's name here (default: the run that made it)")
    .option("--accept-changes", "take files that were changed since they were exported");
  withCommonOptions(command);
  return {
    command,
    // Before the store is made: one without anything in it would stay behind.
    check: async ({ world, args, flags }, faults) => {
      const [folder] = z.tuple([z.string()]).parse(args);
      soundFlags(ImportFlags, flags, faults);
      if (folder !== "") await faults.look(() => folderIndex(resolve(world.cwd, folder)));
    },
    handle: ({ world, args, flags }) => importFrom(world, args, parseFlags(ImportFlags, flags)),
  };
}

async function importFrom(
  world: World,
  args: readonly unknown[],
  flags: z.infer<typeof ImportFlags>,
): Promise<number> {
  const [folder] = z.tuple([z.string()]).parse(args);
  requireFolder(folder);
  await using session = await openSession(world, flags, { create: true });
  const imported = await importBackup(session.artifacts, resolve(world.cwd, folder), {
    ...flags,
    isRun: async (name) => (await session.store.getRun(name)) !== undefined,
  });
  print(world, flags, {
    document: { ...imported },
    text: () =>
      `${imported.backup}: ${imported.resources} resources\nnext: ${restoreLine(session, imported)}\n`,
    names: [imported.backup],
  });
  return EXIT.ok;
}

/** An empty name, as of a variable that is not set, would be the folder that the program runs in. */
function requireFolder(folder: string): void {
  if (folder !== "") return;
  throw usageError(
    "the name of the folder is empty",
    "Name the folder; `.` is the one that the program runs in.",
  );
}

/** No run of this store has made the backup, so that nothing but the command line says where it goes. */
function restoreLine(session: Session, { backup: name, sides }: Imported): string {
  const [first = "kubernetes"] = sides;
  const side = sides.includes("kubernetes") ? "kubernetes" : first;
  const etcd = side === "etcd" ? ["--etcd-endpoints", "URL"] : [];
  const way = session.kind === "aws" ? ["--cluster", "NAME"] : ["--kubeconfig", "FILE", ...etcd];
  return commandLine(session, "restore", name, "--side", side, ...way);
}

async function backup(world: World, flags: WorkFlags & ConnectionFlags): Promise<number> {
  await using session = await openSession(world, flags, { create: true, concurrency: flags.concurrency });
  const prepared = await (session.kind === "aws"
    ? prepareOnAws(session, "backup", flags)
    : prepareLocally(session, "backup", flags));
  await prepared.register();
  const request = { migration: "backup", cluster: prepared.cluster, options: {}, approvals: [] };
  const run = await session.actions.start(request);
  return await workOn(session, run, flags, { wanted: "forward", fromFirstEvent: true });
}
