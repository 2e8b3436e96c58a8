import { Command } from "commander";
import { WorkFlags, withWorkOptions } from "../options/common.ts";
import { ConnectionFlags, withConnectionOptions } from "../options/connection.ts";
import { openSession } from "../session.ts";
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
`;

/** `backup`: keeps Calico's data of both sides in the store, without a migration. */
export function backupCommand(): CommandEntry {
  const command = new Command("backup")
    .summary("back up Calico's data of both sides")
    .description("Keeps Calico's data in etcd and in Kubernetes in the store; `restore` puts it back.");
  withWorkOptions(withConnectionOptions(command), "ask nothing").addHelpText("before", EXAMPLES.trimStart());
  return { command, handle: ({ world, flags }) => backup(world, BackupFlags.parse(flags)) };
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
