import { Command } from "commander";
import { z } from "zod";
import { MigratorError } from "../../shared/errors.ts";
import { API_VERSION } from "../documents.ts";
import { EXIT } from "../exit-codes.ts";
import { print } from "../output/print.ts";
import { table } from "../output/table.ts";
import { integer, OutputFlags, withCommonOptions } from "../options/common.ts";
import { findRun, hasUndo, isUndoable } from "../runs.ts";
import { type LocalSession, openLocalSession } from "../local-session.ts";
import type { Difference, World } from "../world.ts";
import type { RunRecord } from "../../shared/engine/records.ts";
import type { CommandEntry } from "./command.ts";

const CompareFlags = OutputFlags.extend({ concurrency: z.int().default(32) });
type CompareFlags = z.infer<typeof CompareFlags>;

/** Exit codes as those of diff: 0 same, 1 differs, more for an error. */
const DIFFERS = 1;
const COULD_NOT_COMPARE = 2;

/** `verify`: compares both sides of a run now, and says how many resources differ. */
export function verifyCommand(): CommandEntry {
  const command = new Command("verify")
    .summary("compare both sides of a run now")
    .description(
      "Compares what a run has copied with what both sides hold now, reading only. Exit code 1: they differ.",
    );
  return entry(command, (run, found) => {
    const counts = Object.entries(countByKind(found)).map(([kind, count]) => [kind, String(count)]);
    const verdict = found.length === 0 ? "both sides mean the same" : `${found.length} resources differ`;
    return `run ${run.runId}: ${verdict}\n${counts.length === 0 ? "" : table(["KIND", "DIFFER"], counts)}`;
  });
}

/** `diff`: compares both sides of a run now, and names each difference. */
export function diffCommand(): CommandEntry {
  const command = new Command("diff")
    .summary("show how both sides of a run differ now")
    .description(
      "Names each resource that differs, and where. Exit codes: 0 same, 1 differs, more than 1 an error.",
    );
  return entry(command, (_, found) =>
    found.length === 0
      ? ""
      : table(
          ["KIND", "OBJECT", "DIFFERENCE"],
          found.map(({ kind, target, reason }) => [kind, target, reason]),
        ),
  );
}

type Show = (run: RunRecord, found: readonly Difference[]) => string;

function entry(command: Command, show: Show): CommandEntry {
  command
    .argument("[run]", "the run (default: the only one that was not undone)")
    .option(
      "--concurrency <n>",
      "the most requests under way at the API server (default: 32)",
      integer(1, 1000),
    );
  withCommonOptions(command);
  return {
    command,
    handle: ({ world, args, flags }) =>
      compare(world, args, CompareFlags.parse(flags), { command: command.name(), show }),
    failureCode: COULD_NOT_COMPARE,
  };
}

async function compare(
  world: World,
  args: readonly unknown[],
  flags: CompareFlags,
  { command, show }: { command: string; show: Show },
): Promise<number> {
  const [runId] = z.tuple([z.string().optional()]).parse(args);
  await using session = openLocalSession(world, flags, { command, concurrency: flags.concurrency });
  const run = await findRun(session.store, runId, (one) => isUndoable(one) && hasUndo(world, one));
  const found = await Array.fromAsync(differences(session, run));
  print(world, flags, {
    document: {
      apiVersion: API_VERSION,
      kind: "Comparison",
      run: run.runId,
      same: found.length === 0,
      differences: found,
    },
    text: () => show(run, found),
    names: found.map(({ target }) => target),
  });
  return found.length === 0 ? EXIT.ok : DIFFERS;
}

async function* differences(session: LocalSession, run: RunRecord): AsyncGenerator<Difference, void> {
  const compareSides = session.world.comparisons[run.migration];
  if (compareSides === undefined) throw notComparable(run);
  const connections = await session.ports.connections.open(run.cluster, run.options);
  yield* compareSides(session.ports, connections, run);
}

function notComparable({ runId, migration }: RunRecord): MigratorError {
  return new MigratorError(
    "NOT_COMPARABLE",
    `run "${runId}" is a ${migration}, which has no two sides to compare`,
    {
      next: "Name a run of a migration.",
    },
  );
}

function countByKind(found: readonly Difference[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of found) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
