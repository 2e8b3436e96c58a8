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
import { FaultList } from "./faults.ts";
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
  /** What commander has to say against the command line, beyond values. */
  complaint: string;
  /** The command that has to say it. */
  complaining?: Command;
  /** What is wrong with the values of options. */
  faults: FaultList;
  /** The options with such values, as commander names them. */
  refused: Set<string>;
  /** The options of the command that ran. */
  flags?: unknown;
}

/** Before a command line is looked at. */
export function freshOutcome(): Outcome {
  return {
    code: EXIT.ok,
    failureCode: EXIT.error,
    complaint: "",
    faults: new FaultList(),
    refused: new Set(),
  };
}

/** Runs one command line and gives the exit code. Never throws: what goes wrong is told on standard error. */
export async function run(argv: readonly string[], outside: World): Promise<number> {
  const world = { ...outside, stdout: guarded(outside.stdout), stderr: guarded(outside.stderr) };
  const style = styleOf(argv);
  const outcome = freshOutcome();
  try {
    await buildProgram(world, outcome).parseAsync(spellYes(argv), { from: "user" });
    return outcome.code;
  } catch (error) {
    if (!(error instanceof CommanderError)) return tell(world, error, outcome, style);
    if (error.exitCode === 0) return EXIT.ok;
    // Without a complaint the help was asked for, by naming no command.
    if (outcome.complaint === "") return EXIT.usage;
    outcome.faults.add(usage(outcome.complaint));
    if (error.code === "commander.unknownOption") addOtherUnknown(argv, outcome);
    if (MISSING.has(error.code)) addOtherMissing(outcome);
    return tell(world, outcome.faults.all(), outcome, style);
  }
}

const MISSING: ReadonlySet<string> = new Set([
  "commander.missingArgument",
  "commander.missingMandatoryOptionValue",
]);

/** Commander names the first thing that is missing. */
function addOtherMissing({ complaining, complaint, faults }: Outcome): void {
  if (complaining === undefined) return;
  const names = complaining.registeredArguments.slice(complaining.args.length).filter((one) => one.required);
  const options = complaining.options.filter(
    (one) => one.mandatory && complaining.getOptionValue(one.attributeName()) === undefined,
  );
  const missing = [
    ...options.map(({ flags }) => `required option '${flags}' not specified`),
    ...names.map((one) => `missing required argument '${one.name()}'`),
  ];
  for (const one of missing) if (!complaint.includes(one)) faults.add(usage(one));
}

/** Commander names the first option that it does not know. A word that begins so is never a value. */
function addOtherUnknown(argv: readonly string[], { complaining, complaint, faults }: Outcome): void {
  const known = ["--help", ...(complaining?.options.map(({ long }) => long) ?? [])];
  const end = argv.indexOf("--");
  const words = (end < 0 ? argv : argv.slice(0, end)).map((word) => word.replace(/=.*$/s, ""));
  const unknown = new Set(words.filter((word) => /^--./.test(word) && !known.includes(word)));
  for (const word of unknown)
    if (!complaint.includes(`'${word}'`)) faults.add(usage(`unknown option '${word}'`));
}

function tell(
  { stderr }: World,
  error: unknown,
  { flags, failureCode }: Outcome,
  style: FailureStyle,
): number {
  const code = printError(stderr, error, { ...style, flags });
  return code === EXIT.error ? failureCode : code;
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
    for (const option of entry.command.options) collectFaults(option, outcome);
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
  const { command, handle, check, failureCode } = entry;
  return command.action(async () => {
    outcome.failureCode = failureCode ?? EXIT.error;
    const given = Object.entries(command.opts<Record<string, unknown>>());
    outcome.flags = Object.fromEntries(given.filter(([name]) => !outcome.refused.has(name)));
    const args: readonly unknown[] = command.processedArgs;
    const invocation = { world, args, flags: outcome.flags, program: root };
    await check?.(invocation, outcome.faults);
    outcome.faults.throwIfAny();
    outcome.code = await handle(invocation);
  });
}

/** Makes a fault of every value that is refused, so that commander goes on to the next. */
function collectFaults(option: Option, { faults, refused }: Outcome): void {
  const { flags, parseArg, required, variadic } = option;
  if (variadic || (!required && parseArg === undefined)) return;
  option.argParser((value: string, before: unknown): unknown => {
    try {
      // A value that was forgotten would swallow the option that follows it.
      if (value.startsWith("--"))
        throw new InvalidArgumentError("It looks like an option: the value is missing.");
      return parseArg === undefined ? value : parseArg(value, before);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      faults.add(usage(`option '${flags}' argument '${value}' is invalid. ${error.message}`));
      refused.add(option.attributeName());
      return before;
    }
  });
}

/** Whatever commander writes goes into the world; complaints are kept, to be told like every other failure. */
function tellThrough(command: Command, world: World, outcome: Outcome): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => world.stdout.write(text),
    writeErr: (text) => world.stderr.write(text),
    outputError: (text) => {
      outcome.complaint = text;
      outcome.complaining = command;
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
