import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";

const OUTPUTS = ["text", "wide", "json", "yaml", "name"] as const;

const YES_ALSO = "--yes-also <stage>";

/** What every command accepts. */
export const OutputFlags = z.object({
  output: z.enum(OUTPUTS).default("text"),
  store: z.string().optional(),
  /** True for the default stack. */
  aws: z.union([z.literal(true), z.string()]).optional(),
  region: z.string().optional(),
  profile: z.string().optional(),
  /** Only there for commands that work on a run. */
  storeMoved: z.boolean().optional(),
  color: z.boolean().default(true),
  verbose: z.boolean().default(false),
  quiet: z.boolean().default(false),
});
export type OutputFlags = z.infer<typeof OutputFlags>;

/** Adds what every command accepts. */
export function withCommonOptions(command: Command): Command {
  return command
    .optionsGroup("Output and store:")
    .addOption(new Option("-o, --output <format>", "how to print").choices(OUTPUTS).default("text"))
    .option("--store <file>", "the store's file (default: $CALICO_MIGRATOR_STORE, else in ~/.local/state)")
    .option("--aws [stack]", "act through what this stack has deployed (default: CalicoMigrator)")
    .option("--region <region>", "the stack's AWS region (default: as AWS's own tools find it)")
    .option(
      "--profile <name>",
      "a profile of config.yaml in ~/.config/calico-migrator (default: the current one)",
    )
    .option("--no-color", "no colours (NO_COLOR does the same)")
    .option("-v, --verbose", "tell more: every event, and the stack of an unexpected error")
    .option("-q, --quiet", "no progress on standard error");
}

/** What commands accept that work on a run in this process. */
export const WorkFlags = OutputFlags.extend({
  concurrency: z.int().default(32),
  wait: z.boolean().default(true),
  yes: z.boolean().default(false),
  storeMoved: z.boolean().default(false),
  /** Stages that are approved by name, as `--yes` alone covers none that is irreversible. */
  yesAlso: z.array(z.string()).default([]),
});
export type WorkFlags = z.infer<typeof WorkFlags>;

/** Adds what commands accept that work on a run in this process. */
export function withWorkOptions(command: Command, yes: string): Command {
  return withCommonOptions(
    command
      .optionsGroup("Work:")
      .option(
        "--concurrency <n>",
        "the most requests under way at the API server (default: 32)",
        integer(1, 1000),
      )
      .option("--store-moved", "the store's file was moved here, and the first one is used no more")
      .option("--no-wait", "ask, and leave the work to another process")
      .option("-y, --yes", yes),
  );
}

/** Adds `--yes=STAGE`: a yes to a stage that cannot be undone has to name it. */
export function withYesAlso(command: Command): Command {
  const option = new Option(YES_ALSO, "`--yes=STAGE`, which no word after --yes can be taken for").argParser(
    (text: string, before: readonly string[] | undefined) => [...(before ?? []), ...text.split(",")],
  );
  return command.addOption(option.hideHelp());
}

/** Spells `--yes=STAGE` as an option of its own, so that `--yes RUN` stays a yes and a run. */
export function spellYes(argv: readonly string[]): string[] {
  return argv.flatMap((word) =>
    word.startsWith("--yes=") ? ["--yes", "--yes-also", word.slice("--yes=".length)] : [word],
  );
}

/** Parses an option's value as a whole number within bounds. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Parses an option's value as seconds, with fractions, into milliseconds. */
export function seconds(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && value >= min && value <= max) return Math.round(value * 1000);
    throw new InvalidArgumentError(`It must be a number of seconds from ${min} to ${max}.`);
  };
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** Parses an option's value as a duration, such as `90s`, `10m` or `1.5h`, into milliseconds. Without a unit, `10` may be meant as minutes. */
export function durationOf(min: number, max: number): (text: string) => number {
  return (text) => {
    const { value = "", unit = "" } = /^(?<value>\d+(\.\d+)?)(?<unit>[smh])$/.exec(text)?.groups ?? {};
    const ms = Math.round(Number(value) * (UNITS[unit] ?? NaN));
    if (value !== "" && ms >= min && ms <= max) return ms;
    if (/^\d+$/.test(text))
      throw new InvalidArgumentError(`It has no unit: write ${text}s, ${text}m or ${text}h.`);
    throw new InvalidArgumentError(
      `It must be a duration from ${min / 1000}s to ${max / 3_600_000}h, such as 90s, 10m or 1h.`,
    );
  };
}
