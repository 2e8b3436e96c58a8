import { Command } from "commander";
import { z } from "zod";
import type { CheckpointStore } from "../../shared/engine/ports.ts";
import type { LeaseHolder, RunRecord } from "../../shared/engine/records.ts";
import { listDocument, runDocument, workerDocument } from "../documents.ts";
import { EXIT } from "../exit-codes.ts";
import { duration, timestamp } from "../output/durations.ts";
import { print } from "../output/print.ts";
import { table } from "../output/table.ts";
import { OutputFlags, withCommonOptions } from "../options/common.ts";
import { lockedFor, tellLocks } from "../lock.ts";
import { allRuns, findRun } from "../runs.ts";
import { openSession, type Session } from "../session.ts";
import { stateText, workerOf, workerText } from "../worker.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";

const GetFlags = OutputFlags.extend({ cluster: z.string().optional() });
const HEAD = ["RUN", "MIGRATION", "CLUSTER", "STATE", "STAGE", "LOCKED", "WORKER", "AGE"];

/** A run, and who works on it. */
interface Worked {
  run: RunRecord;
  worker: LeaseHolder | undefined;
}

/** `get`: runs as a table. */
export function getCommand(): CommandEntry {
  const command = new Command("get")
    .summary("list runs, or show one")
    .description("Lists the runs of the store, newest first, or shows one of them.")
    .argument("[run]", "one run")
    .option("--cluster <name>", "only runs on this cluster");
  withCommonOptions(command);
  return { command, handle: ({ world, args, flags }) => get(world, args, GetFlags.parse(flags)) };
}

async function get(world: World, args: readonly unknown[], flags: z.infer<typeof GetFlags>): Promise<number> {
  const [runId] = z.tuple([z.string().optional()]).parse(args);
  await using session = await openSession(world, flags);
  const { store } = session;
  if (runId === undefined) {
    const runs = await Array.fromAsync(allRuns(store, flags.cluster), worked(store));
    const items = runs.map(documentOf);
    show(session, runs, listDocument("RunList", items));
  } else {
    const run = await worked(store)(await findRun(store, runId, () => true));
    show(session, [run], documentOf(run));
  }
  return EXIT.ok;
}

function worked(store: CheckpointStore): (run: RunRecord) => Promise<Worked> {
  return async (run) => ({ run, worker: await workerOf(store, run) });
}

function documentOf({ run, worker }: Worked): object {
  return runDocument(run, { status: { worker: worker === undefined ? null : workerDocument(worker) } });
}

function show(session: Session, all: readonly Worked[], document: object): void {
  const { world, flags } = session;
  const now = world.clock.now();
  const runs = all.map(({ run }) => run);
  print(world, flags, {
    document,
    text: (wide) =>
      table(
        wide ? [...HEAD, "CREATED", "REASON"] : HEAD,
        all.map((one) => {
          const { run } = one;
          const cells = row(session, one, now);
          return wide ? [...cells, timestamp(run.createdAt), reason(run)] : cells;
        }),
      ),
    names: runs.map(({ runId }) => runId),
  });
  tellLocks(session, runs);
}

function row(session: Session, { run, worker }: Worked, now: number): string[] {
  const waiting = run.waiting === undefined ? "" : `(${run.waiting.reason})`;
  const state = `${stateText(session, run, worker)}${waiting}`;
  return [
    run.runId,
    run.migration,
    run.cluster,
    state,
    run.stage ?? "",
    lockedFor(run, now),
    workerText(run, worker, now),
    duration(Math.max(0, now - run.createdAt)),
  ];
}

function reason(run: RunRecord): string {
  return run.failure?.message ?? run.waiting?.message ?? "";
}
