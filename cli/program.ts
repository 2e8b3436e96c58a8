import { Command, CommanderError, InvalidArgumentError, type Option } from "commander";
import { MigratorError } from "../shared/errors.ts";
import { abandonCommand } from "./commands/abandon.ts";
import { approveCommand } from "./commands/approve.ts";
import { backupCommand } from "./commands/backup.ts";
import { clustersCommand } from "./commands/clusters/index.ts";
import type { CommandEntry } from "./commands/command.ts";
import { diffCommand, verifyCommand } from "./commands/compare.ts";
import { completionCommand } from "./commands/completion.ts";
import { conflictsCommand } from "./commands/conflicts/index.ts";
import { describeCommand } from "./commands/describe.ts";
import { getCommand } from "./commands/get.ts";
import { manifestsCommand } from "./commands/manifests.ts";
import { pauseCommand } from "./commands/pause.ts";
import { planCommand, preflightCommand } from "./commands/plan.ts";
import { rbacCommand } from "./commands/rbac.ts";
import { restoreCommand } from "./commands/restore.ts";
import { resumeCommand } from "./commands/resume.ts";
import { startCommand } from "./commands/start.ts";
import { abortCommand, rollbackCommand } from "./commands/undo.ts";
import { unlockCommand } from "./commands/unlock.ts";
import { versionCommand } from "./commands/version.ts";
import { watchCommand } from "./commands/watch.ts";
import { EXIT } from "./exit-codes.ts";
import { type FailureStyle, printError } from "./failures.ts";
import { guarded } from "./output/escape.ts";
import { spellYes } from "./options/common.ts";
import type { World } from "./world.ts";

const GROUPS: readonly [string, readonly CommandMaker[]][] = [
  ["Migrate:", [planCommand, preflightCommand, startCommand]],
  ["Look:", [getCommand, describeCommand, watchCommand]],
  [
    "Decide:",
    [
      pauseCommand,
      resumeCommand,
      approveCommand,
      conflictsCommand,
      abortCommand,
      rollbackCommand,
      abandonCommand,
      unlockCommand,
    ],
  ],
  ["Compare and keep:", [verifyCommand, diffCommand, backupCommand, restoreCommand]],
  ["Other:", [clustersCommand, manifestsCommand, rbacCommand, completionCommand, versionCommand]],
];

const EXAMPLES = `
Examples:
  calico-migrator plan  etcd-to-kubernetes --kubeconfig FILE --etcd-endpoints URL       # look, change nothing
  calico-migrator start etcd-to-kubernetes --kubeconfig FILE --etcd-endpoints URL --manifest calico-kdd.yaml
  calico-migrator start apiserver-to-crds  --kubeconfig FILE --crds v3_projectcalico_org.yaml
  calico-migrator watch                                                                 # from a second terminal
  calico-migrator rollback                                                              # back to etcd
`;

type CommandMaker = () => CommandEntry;

/** What a command line came to. */
interface Outcome {
  code: number;
  /** The exit code for failures that have none of their own. */
  failureCode: number;
  /** What commander has to say against the command line. */
  complaint: string;
  /** The options of the command that ran. */
  flags?: unknown;
}

/** Runs one command line and gives the exit code. Never throws: what goes wrong is told on standard error. */
export async function run(argv: readonly string[], outside: World): Promise<number> {
  const world = { ...outside, stdout: guarded(outside.stdout), stderr: guarded(outside.stderr) };
  const style = styleOf(argv);
  const outcome: Outcome = { code: EXIT.ok, failureCode: EXIT.error, complaint: "" };
  try {
    await buildProgram(world, outcome).parseAsync(spellYes(argv), { from: "user" });
    return outcome.code;
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      const code = printError(world.stderr, error, { ...style, flags: outcome.flags });
      return code === EXIT.error ? outcome.failureCode : code;
    }
    if (error.exitCode === 0) return EXIT.ok;
    // Without a complaint the help was asked for, by naming no command.
    return outcome.complaint === "" ? EXIT.usage : printError(world.stderr, usage(outcome.complaint), style);
  }
}

/** The form of failures has to be known even where the command line cannot be parsed. */
function styleOf(argv: readonly string[]): FailureStyle {
  const json = argv.some(
    (word, index) =>
      /^(-o=?|--output=)json$/.test(word) || (/^(-o|--output)$/.test(word) && argv[index + 1] === "json"),
  );
  return { json, verbose: argv.some((word) => word === "-v" || word === "--verbose") };
}

/** The program with all its commands; what a command answers is put into `outcome`. */
export function buildProgram(world: World, outcome: Outcome): Command {
  const root = new Command("calico-migrator")
    .description("Takes Kubernetes clusters through Calico's migrations: resumable, verified, reversible.")
    .version(world.version, "-V, --version", "show the version")
    .addHelpText("before", EXAMPLES.trimStart())
    .showSuggestionAfterError()
    // Options belong to the command before them, so that subcommands may have the same ones.
    .enablePositionalOptions();
  const add = (parent: Command, entry: CommandEntry): void => {
    parent.addCommand(bind(entry, world, outcome, root));
    for (const child of entry.children ?? []) add(entry.command, child);
    entry.command.options.forEach(refuseOptionAsValue);
    tellThrough(entry.command, world, outcome);
  };
  for (const [title, makers] of GROUPS) {
    root.commandsGroup(title);
    for (const make of makers) add(root, make());
  }
  tellThrough(root, world, outcome);
  return root;
}

function bind(entry: CommandEntry, world: World, outcome: Outcome, root: Command): Command {
  const { command, handle, failureCode } = entry;
  return command.action(async () => {
    outcome.failureCode = failureCode ?? EXIT.error;
    outcome.flags = command.opts();
    const args: readonly unknown[] = command.processedArgs;
    outcome.code = await handle({ world, args, flags: command.opts(), program: root });
  });
}

/** A value that was forgotten would swallow the option that follows it. */
function refuseOptionAsValue(option: Option): void {
  const { parseArg, required, variadic } = option;
  if (!required || variadic) return;
  option.argParser((value: string, before: unknown): unknown => {
    if (value.startsWith("--"))
      throw new InvalidArgumentError("It looks like an option: the value is missing.");
    return parseArg === undefined ? value : parseArg(value, before);
  });
}

/** Whatever commander writes goes into the world; complaints are kept, to be told like every other failure. */
function tellThrough(command: Command, world: World, outcome: Outcome): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => world.stdout.write(text),
    writeErr: (text) => world.stderr.write(text),
    outputError: (text) => {
      outcome.complaint = text;
    },
    getOutHelpWidth: () => world.stdout.columns ?? 100,
    getErrHelpWidth: () => world.stderr.columns ?? 100,
  });
}

function usage(complaint: string): MigratorError {
  const message = complaint
    .replace(/^error: /, "")
    .replaceAll("--yes-also", "--yes=STAGE")
    .replace(/\s+/g, " ")
    .trim();
  return new MigratorError("USAGE", message, {
    next: "See `calico-migrator --help`, and `calico-migrator COMMAND --help`.",
  });
}
