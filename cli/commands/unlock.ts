import { Command, Option } from "commander";
import { z } from "zod";
import { isEnd } from "../../shared/engine/records.ts";
import { MigratorError } from "../../shared/errors.ts";
import { findLocks, forceUnlock, type SideLock, SIDES } from "../../shared/migrations/break-glass/locks.ts";
import { findUsedSide, type UsedSide } from "../../shared/migrations/break-glass/used-side.ts";
import { API_VERSION } from "../documents.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failures.ts";
import { OutputFlags, withCommonOptions } from "../options/common.ts";
import { ConnectionFlags, connectionOf, wayWords, withConnectionOptions } from "../options/connection.ts";
import { oneLine } from "../output/escape.ts";
import { print } from "../output/print.ts";
import { table } from "../output/table.ts";
import { commandLine } from "../session.ts";
import { refuseAlive } from "../unlock/alive.ts";
import { refuseSecondSide } from "../unlock/one-side.ts";
import { openPlace, type Place, requireRegistered } from "../unlock/place.ts";
import { tellRun } from "../unlock/tell-run.ts";
import { checkWay } from "../start/check-line.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";

const UnlockFlags = OutputFlags.extend({
  ...ConnectionFlags.shape,
  force: z.boolean().default(false),
  side: z.enum(SIDES).optional(),
  anyway: z.boolean().default(false),
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
    .option("--anyway", "lift it where calico-node uses another datastore, or another one is open")
    .option(
      "--unfinished <run>",
      "with --aws: this run has not ended, and the functions that would end it are broken",
    );
  withCommonOptions(command).addHelpText("before", EXAMPLES.trimStart());
  return {
    command,
    check: ({ world, flags }, faults) => checkWay(world, UnlockFlags.parse(flags), faults),
    handle: ({ world, flags }) => unlock(world, UnlockFlags.parse(flags)),
  };
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
    const used = await findUsedSide(connections, locks);
    if (!flags.force) return await show(world, flags, place, { locks, used, withEtcd });
    const side = flags.side ?? onlySide(locks, used);
    const lockedBy = locks.find((lock) => lock.side === side)?.lockedBy;
    // The name of a context says nothing about the names in a stack.
    const cluster = place.kind === "aws" ? flags.cluster : name;
    await requireRegistered(place, cluster);
    if (place.session !== undefined)
      await refuseAlive(place.session, { lockedBy, cluster, unfinished: flags.unfinished });
    if (!flags.anyway) refuseSecondSide(side, locks, used);
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
    const after = await findLocks(connections, withEtcd);
    await tellRun(world, place, { side, lockedBy: before.lockedBy, by: world.user }, { locks: after, used });
    return await show(world, flags, place, { locks: after, used, withEtcd });
  } finally {
    await close();
  }
}

/** What was found of a cluster's datastores. */
interface Found {
  locks: readonly SideLock[];
  used: UsedSide;
  /** Without it etcd was not asked, and says nothing. */
  withEtcd: boolean;
}

async function show(world: World, flags: UnlockFlags, place: Place, found: Found): Promise<number> {
  const { locks, used, withEtcd } = found;
  print(world, flags, {
    document: {
      apiVersion: API_VERSION,
      kind: "DatastoreLockList",
      items: locks.map((lock) => ({
        ...lock,
        ...(used.side === undefined ? {} : { used: lock.side === used.side }),
      })),
      etcdAsked: withEtcd,
    },
    text: () =>
      table(
        ["DATASTORE", "LOCKED", "BY RUN", "USED"],
        locks.map(({ side, locked, lockedBy = "" }) => [
          side,
          locked ? "yes" : "no",
          lockedBy,
          side === used.side ? "by calico-node" : "",
        ]),
      ),
    names: locks.filter(({ locked }) => locked).map(({ side }) => side),
  });
  if (flags.output !== "json") world.stderr.write(notKnown(found));
  const marked = locks.find(({ lockedBy }) => lockedBy !== undefined);
  if (marked?.lockedBy === undefined || flags.force || flags.output === "json") return EXIT.ok;
  world.stderr.write(`next: ${await advice(flags, place, found, marked.lockedBy)}\n`);
  return EXIT.actionNeeded;
}

/** What was not asked, or could not be found out, so that nobody takes it for an answer. */
function notKnown({ used, withEtcd }: Found): string {
  const etcd = withEtcd ? "" : "etcd: not asked, as no --etcd-endpoints name it\n";
  return used.side === undefined
    ? `${etcd}calico-node: what it uses is not known: ${oneLine(used.why)}\n`
    : etcd;
}

/** What ends a lock that a run has left: the run itself, as long as it can. */
async function advice(
  flags: UnlockFlags,
  place: Place,
  { locks, used }: Found,
  runId: string,
): Promise<string> {
  const run = await place.session?.store.getRun(runId);
  if (run === undefined || !isEnd(run.state))
    return `where the run's store is there, \`${commandLine({ flags }, "rollback", runId)}\`; where it is lost, see docs/break-glass.md`;
  const needed = locks.find(({ side }) => side === used.side);
  const described = `\`${commandLine({ flags }, "describe", runId)}\` shows what it left`;
  if (needed?.locked === false)
    return `run ${runId} is ${run.state}. What calico-node uses, ${needed.side}, is open: leave the other one locked; ${described}`;
  const side = needed?.side ?? "SIDE";
  const line = commandLine({ flags }, "unlock", "--force", "--side", side, ...wayWords(flags));
  return `run ${runId} is ${run.state}, and lifts no lock any more: \`${line}\` does, for the datastore that calico-node uses; ${described}`;
}

/**
 * Which one to unlock is for a person to say where there are several. Of two that are locked, Calico must get the one that it uses; and
 * where one is not locked, the other is kept locked on purpose.
 */
function onlySide(locks: readonly SideLock[], used: UsedSide): SideLock["side"] {
  const [only, ...others] = locks;
  if (only?.locked === true && others.length === 0) return only.side;
  const state = locks.map(({ side, locked }) => `${side} is ${locked ? "locked" : "not locked"}`).join(", ");
  const uses = used.side === undefined ? "" : `, here --side ${used.side}`;
  throw new MigratorError("SIDE_AMBIGUOUS", state === "" ? "there is no ClusterInformation" : state, {
    next: `Name the datastore that calico-node uses with --side${uses}, and unlock no other: docs/break-glass.md says how to find out.`,
  });
}

function unfinishedIsForAws(): MigratorError {
  return usageError(
    "--unfinished goes with --aws and --force: it is for a run whose functions are broken",
    "Where this machine has the store, `rollback` or `abandon` ends the run.",
  );
}
