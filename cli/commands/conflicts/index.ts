import { Command } from "commander";
import { z } from "zod";
import { type Conflict, conflictsOf } from "../../../shared/engine/conflicts.ts";
import { RunNotFoundError } from "../../../shared/engine/errors.ts";
import type { Resolution } from "../../../shared/engine/records.ts";
import { resolutionOf } from "../../../shared/engine/resolutions.ts";
import { EXIT } from "../../exit-codes.ts";
import { OutputFlags, withCommonOptions } from "../../options/common.ts";
import { oneLine } from "../../output/escape.ts";
import { print } from "../../output/print.ts";
import { table } from "../../output/table.ts";
import { findRun, isUnfinished } from "../../runs.ts";
import { openSession } from "../../session.ts";
import type { World } from "../../world.ts";
import type { CommandEntry } from "../command.ts";
import { resolveCommand } from "./resolve.ts";
import { reviewDocument, reviewText } from "./review.ts";

/** How many commands are listed beside the table; more with -o wide. */
const COMMANDS = 5;

const EXAMPLES = `
Examples:
  calico-migrator conflicts                                        # of the only run under way
  calico-migrator conflicts etcd-to-kubernetes-1a2b3c4d -o yaml > reviewed.yaml
  calico-migrator conflicts resolve etcd-to-kubernetes-1a2b3c4d --file reviewed.yaml
`;

/** `conflicts`: all that a run found different in the target, to be decided by a person. */
export function conflictsCommand(): CommandEntry {
  const command = new Command("conflicts")
    .summary("list what conflicts, with the differences; `conflicts resolve` decides")
    .description(
      "Lists every object of the target that differs from what the run would write. With -o yaml, as a file to be edited and given to `conflicts resolve`.",
    )
    .argument("[run]", "the run (default: the only one under way)")
    .addHelpText("before", EXAMPLES.trimStart());
  // Options after the name of a subcommand are the subcommand's.
  withCommonOptions(command).enablePositionalOptions();
  return {
    command,
    handle: ({ world, args, flags }) => list(world, args, OutputFlags.parse(flags)),
    children: [resolveCommand()],
  };
}

/** A conflict with what was decided about it, as long as the run has not gone by that. */
interface Listed {
  conflict: Conflict;
  decision: Resolution | undefined;
}

async function list(world: World, args: readonly unknown[], flags: OutputFlags): Promise<number> {
  const [runId] = z.tuple([z.string().optional()]).parse(args);
  await using session = await openSession(world, flags);
  const run = await findRun(session.store, runId, isUnfinished);
  const control = await session.store.getControl(run.runId);
  if (control === undefined) throw new RunNotFoundError(run.runId);
  const conflicts = await Array.fromAsync(conflictsOf(session.store, run.runId));
  const document = reviewDocument(run.runId, conflicts, control.resolutions);
  if (flags.output === "yaml") world.stdout.write(reviewText(document));
  else {
    print(world, flags, {
      document,
      text: (wide) =>
        listText(
          conflicts.map((conflict) => ({ conflict, decision: resolutionOf(control.resolutions, conflict) })),
          wide,
        ),
      names: conflicts.map(({ key }) => key),
    });
  }
  return EXIT.ok;
}

function listText(all: readonly Listed[], wide: boolean): string {
  if (all.length === 0) return "no conflicts\n";
  const head = ["CONFLICT", "DIFFERS IN", "SOURCE", "TARGET", "DECIDED", ...(wide ? ["REASON"] : [])];
  const listed = table(
    head,
    all.flatMap((one) => rows(one, wide)),
  );
  const commands = all.flatMap(({ conflict: { command } }) => (command === undefined ? [] : [command]));
  return `${listed}${commandsText(commands, wide)}`;
}

/** How people reach the objects: as the run does, whatever the short names of their kinds stand for. */
function commandsText(commands: readonly string[], wide: boolean): string {
  if (commands.length === 0) return "";
  const shown = wide ? commands : commands.slice(0, COMMANDS);
  const more = commands.length - shown.length;
  return [
    "\nBy these names kubectl reaches the objects of the target (`get --output yaml` shows, `delete` deletes them):\n",
    ...shown.map((command) => `  ${oneLine(command)}\n`),
    more === 0 ? "" : `  and ${more} more with -o wide\n`,
  ].join("");
}

/** One line for each difference; what is true of all of them stands in the first. */
function rows({ conflict, decision }: Listed, wide: boolean): string[][] {
  const { key, differences, more, reason } = conflict;
  const places = differences.map(({ path, source, target }) => [path, source ?? "-", target ?? "-"]);
  const listed = [
    ...(places.length === 0 ? [[reason, "", ""]] : places),
    ...(more ? [["and more", "", ""]] : []),
  ];
  const decided = decision === undefined ? "" : `${decision.use} (${decision.by})`;
  return listed.map((place, index) =>
    index === 0
      ? [key, ...place, decided, ...(wide ? [reason] : [])]
      : ["", ...place, "", ...(wide ? [""] : [])],
  );
}
