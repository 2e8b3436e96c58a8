import { Command } from "commander";
import { z } from "zod";
import type { RunRecord } from "../../shared/engine/records.ts";
import { listDocument, runDocument } from "../documents.ts";
import { EXIT } from "../exit-codes.ts";
import { duration, timestamp } from "../output/durations.ts";
import { print } from "../output/print.ts";
import { table } from "../output/table.ts";
import { OutputFlags, withCommonOptions } from "../options/common.ts";
import { allRuns, findRun } from "../runs.ts";
import { openSession } from "../session.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";

const GetFlags = OutputFlags.extend({ cluster: z.string().optional() });
const HEAD = ["RUN", "MIGRATION", "CLUSTER", "STATE", "STAGE", "AGE"];

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
    const runs = await Array.fromAsync(allRuns(store, flags.cluster));
    const items = runs.map((run) => runDocument(run));
    show(world, flags, runs, listDocument("RunList", items));
  } else {
    const run = await findRun(store, runId, () => true);
    show(world, flags, [run], runDocument(run));
  }
  return EXIT.ok;
}

function show(world: World, flags: OutputFlags, runs: readonly RunRecord[], document: object): void {
  const now = world.clock.now();
  print(world, flags, {
    document,
    text: (wide) =>
      table(
        wide ? [...HEAD, "CREATED", "REASON"] : HEAD,
        runs.map((run) => (wide ? [...row(run, now), timestamp(run.createdAt), reason(run)] : row(run, now))),
      ),
    names: runs.map(({ runId }) => runId),
  });
}

function row(run: RunRecord, now: number): string[] {
  const waiting = run.waiting === undefined ? "" : `(${run.waiting.reason})`;
  const state = `${run.state}${waiting}`;
  return [
    run.runId,
    run.migration,
    run.cluster,
    state,
    run.stage ?? "",
    duration(Math.max(0, now - run.createdAt)),
  ];
}

function reason(run: RunRecord): string {
  return run.failure?.message ?? run.waiting?.message ?? "";
}
