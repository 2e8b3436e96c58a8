import { Command, Option } from "commander";
import { z } from "zod";
import { MigratorError } from "../../shared/errors.ts";
import { findLocks, forceUnlock, type SideLock, SIDES } from "../../shared/migrations/break-glass/locks.ts";
import { API_VERSION } from "../documents.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failures.ts";
import { OutputFlags, withCommonOptions } from "../options/common.ts";
import { ConnectionFlags, connectionOf, withConnectionOptions } from "../options/connection.ts";
import { print } from "../output/print.ts";
import { table } from "../output/table.ts";
import { commandLine } from "../session.ts";
import { refuseAlive } from "../unlock/alive.ts";
import { openPlace, type Place, requireRegistered } from "../unlock/place.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";

const UnlockFlags = OutputFlags.extend({
  ...ConnectionFlags.shape,
  force: z.boolean().default(false),
  side: z.enum(SIDES).optional(),
  unfinished: z.string().optional(),
});
type UnlockFlags = z.infer<typeof UnlockFlags>;

const EXAMPLES = `
Examples:
  calico-migrator unlock --kubeconfig prod.kubeconfig --etcd-endpoints http://10.0.0.1:2379       # look, change nothing
  calico-migrator unlock --kubeconfig prod.kubeconfig --etcd-endpoints http://10.0.0.1:2379 --force --side etcd
  calico-migrator unlock --aws --kubeconfig prod.kubeconfig --force --side crd.projectcalico.org
`;

/** `unlock`: lifts a lock whose run is lost. */
export function unlockCommand(): CommandEntry {
  const command = new Command("unlock")
    .summary("show what is locked, and lift a lock whose store is lost")
    .description(
      "Shows which datastores of a cluster are locked, and by whom. With --force it lifts the lock of one of them, if it has the mark of a run that can no longer go on: for when its store is lost. `rollback` is the way where it is not. The cluster is always reached from this machine; with --aws the stack's table is asked for living runs.",
    );
  withConnectionOptions(command)
    .optionsGroup("Lock:")
    .addOption(
      new Option("--side <side>", "the datastore to unlock (default: the only locked one)").choices(SIDES),
    )
    .option("--force", "lift the lock")
    .option(
      "--unfinished <run>",
      "with --aws: this run has not ended, and the functions that would end it are broken",
    );
  withCommonOptions(command).addHelpText("before", EXAMPLES.trimStart());
  return { command, handle: ({ world, flags }) => unlock(world, UnlockFlags.parse(flags)) };
}

async function unlock(world: World, flags: UnlockFlags): Promise<number> {
  const place = await openPlace(world, flags);
  try {
    if (flags.unfinished !== undefined && (place.kind !== "aws" || !flags.force)) throw unfinishedIsForAws();
    return await unlockWith(world, flags, place);
  } finally {
    await place.session?.[Symbol.asyncDispose]();
  }
}

async function unlockWith(world: World, flags: UnlockFlags, place: Place): Promise<number> {
  const { connection, name } = await connectionOf(world, flags, place.registered);
  const settings = { concurrency: 4, userAgent: `calico-migrator/${world.version}` };
  const { connections, close } = await world.openCluster(connection, settings);
  const withEtcd = connection.etcd !== undefined;
  try {
    const locks = await findLocks(connections, withEtcd);
    if (!flags.force) return show(world, flags, locks);
    const side = flags.side ?? onlySide(locks);
    const lockedBy = locks.find((lock) => lock.side === side)?.lockedBy;
    // The name of a context says nothing about the names in a stack.
    const cluster = place.kind === "aws" ? flags.cluster : name;
    await requireRegistered(place, cluster);
    if (place.session !== undefined)
      await refuseAlive(place.session, { lockedBy, cluster, unfinished: flags.unfinished });
    const before = await forceUnlock(connections, side, withEtcd);
    world.stderr.write(
      before.locked
        ? `${side}: unlocked; run ${before.lockedBy ?? ""} had locked it\n`
        : `${side} is not locked\n`,
    );
    if (flags.unfinished !== undefined)
      world.stderr.write(
        `next: run ${flags.unfinished} still counts on its lock: before its functions work again, see docs/break-glass.md, "On AWS"\n`,
      );
    return show(world, flags, await findLocks(connections, withEtcd));
  } finally {
    await close();
  }
}

function show(world: World, flags: UnlockFlags, locks: readonly SideLock[]): number {
  print(world, flags, {
    document: { apiVersion: API_VERSION, kind: "DatastoreLockList", items: locks },
    text: () =>
      table(
        ["DATASTORE", "LOCKED", "BY RUN"],
        locks.map(({ side, locked, lockedBy = "" }) => [side, locked ? "yes" : "no", lockedBy]),
      ),
    names: locks.filter(({ locked }) => locked).map(({ side }) => side),
  });
  const ours = locks.filter(({ lockedBy }) => lockedBy !== undefined);
  if (ours.length === 0 || flags.force || flags.output === "json") return EXIT.ok;
  world.stderr.write(
    `next: where the run's store is there, \`${commandLine({ flags }, "rollback", ours[0]?.lockedBy ?? "")}\`; where it is lost, see docs/break-glass.md\n`,
  );
  return EXIT.actionNeeded;
}

/**
 * Which one to unlock is for a person to say where there are several. Of two that are locked, Calico must get the one that it uses; and
 * where one is not locked, the other is kept locked on purpose.
 */
function onlySide(locks: readonly SideLock[]): SideLock["side"] {
  const [only, ...others] = locks;
  if (only?.locked === true && others.length === 0) return only.side;
  const state = locks.map(({ side, locked }) => `${side} is ${locked ? "locked" : "not locked"}`).join(", ");
  throw new MigratorError("SIDE_AMBIGUOUS", state === "" ? "there is no ClusterInformation" : state, {
    next: "Name the datastore that calico-node uses with --side, and unlock no other: docs/break-glass.md says how to find out.",
  });
}

function unfinishedIsForAws(): MigratorError {
  return usageError(
    "--unfinished goes with --aws and --force: it is for a run whose functions are broken",
    "Where this machine has the store, `rollback` or `abandon` ends the run.",
  );
}
