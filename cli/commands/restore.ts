import { Command, Option } from "commander";
import { z } from "zod";
import { WorkFlags, withWorkOptions } from "../options/common.ts";
import { probe } from "../probe.ts";
import { registeredConnection } from "../options/connection.ts";
import { findRun } from "../runs.ts";
import { openSession } from "../session.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";
import { workOn } from "./work-on.ts";

const RestoreFlags = WorkFlags.extend({ side: z.enum(["etcd", "kubernetes"]) });

const EXAMPLES = `
Examples:
  calico-migrator restore etcd-to-kubernetes-1a2b3c4d --side etcd
`;

/** `restore`: puts one side back as a run's backup has it. */
export function restoreCommand(): CommandEntry {
  const command = new Command("restore")
    .summary("put one side back as a backup has it")
    .description(
      "Puts back, on the run's cluster, what differs from its backup; what is not in the backup is left alone.",
    )
    .argument("<run>", "the run whose backup it is")
    .addOption(
      new Option("--side <side>", "which side").choices(["etcd", "kubernetes"]).makeOptionMandatory(),
    );
  withWorkOptions(command, "do not ask before the side is written to").addHelpText(
    "before",
    EXAMPLES.trimStart(),
  );
  return { command, handle: ({ world, args, flags }) => restore(world, args, RestoreFlags.parse(flags)) };
}

async function restore(
  world: World,
  args: readonly unknown[],
  flags: z.infer<typeof RestoreFlags>,
): Promise<number> {
  const [runId] = z.tuple([z.string()]).parse(args);
  await using session = await openSession(world, flags, { concurrency: flags.concurrency });
  const from = await findRun(session.store, runId, () => true);
  if (session.kind === "store")
    await probe(session, "restore", await registeredConnection(session.embedded.clusters, from.cluster));
  const at = world.clock.now();
  const run = await session.actions.start({
    migration: "restore",
    cluster: from.cluster,
    options: { from: from.runId, side: flags.side },
    approvals: flags.yes ? [{ subject: "restore", by: world.user, at }] : [],
  });
  return await workOn(session, run, flags, { wanted: "forward", fromFirstEvent: true });
}
