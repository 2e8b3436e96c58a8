import { Command } from "commander";
import { z } from "zod";
import type { RunRecord } from "../../shared/engine/records.ts";
import { runDocument, workerDocument } from "../documents.ts";
import { describeText, type Details, readDetails } from "../describe.ts";
import { EXIT } from "../exit-codes.ts";
import { timestamp } from "../output/durations.ts";
import { inPlace } from "../in-place.ts";
import { tellLocks } from "../lock.ts";
import { print } from "../output/print.ts";
import { OutputFlags, withCommonOptions } from "../options/common.ts";
import { findRunToShow, isUnfinished } from "../runs.ts";
import { openSession } from "../session.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";

/** `describe`: everything about one run. */
export function describeCommand(): CommandEntry {
  const command = new Command("describe")
    .summary("show everything about a run")
    .description(
      "Shows a run with its stages, approvals, events and artifacts, and by name all that conflicts or is not carried.",
    )
    .argument("[run]", "the run (default: the only one under way, else the newest)");
  withCommonOptions(command);
  return { command, handle: ({ world, args, flags }) => describe(world, args, OutputFlags.parse(flags)) };
}

async function describe(world: World, args: readonly unknown[], flags: OutputFlags): Promise<number> {
  const [runId] = z.tuple([z.string().optional()]).parse(args);
  await using session = await openSession(world, flags);
  const run = await findRunToShow(session, runId, isUnfinished);
  const details = await readDetails(session, run);
  print(world, flags, {
    document: runDocument(run, { ...details, status: statusPart(details) }),
    text: () => describeText({ ...details, run: advised(run, flags) }, world.clock.now()),
    names: [run.runId],
  });
  tellLocks(session, [run]);
  return EXIT.ok;
}

/** What a run's failure advises is for the place where it is looked at. */
function advised(run: RunRecord, flags: OutputFlags): RunRecord {
  const { failure } = run;
  if (failure === undefined) return run;
  return { ...run, failure: { ...failure, next: inPlace(failure.next, flags) } };
}

function statusPart({ phase, progress, problems, events, artifacts, worker, retries }: Details): object {
  const told = events.map(({ sequence, type, time, data }) => ({
    sequence,
    type,
    time: timestamp(time),
    data,
  }));
  const working = worker === undefined ? null : workerDocument(worker);
  return { phase, worker: working, retries: retries ?? null, progress, problems, events: told, artifacts };
}
