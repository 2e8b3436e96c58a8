import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { errorMessage } from "../shared/errors.ts";
import { invalid, parseStackConfig, SETTING_NAMES, type StackConfig } from "./props.ts";

/** CDK's own context keys have a colon, a slash or an at sign; a bare word is meant for this stack. */
const BARE_WORD = /^[A-Za-z]+$/;

/**
 * The settings out of CDK's context: the JSON or YAML file of `-c config=FILE`, and `-c NAME=VALUE` for single
 * settings, which win. Throws MigratorError CONFIG_INVALID, also for a bare word that is no setting.
 */
export function configFromContext(context: Readonly<Record<string, unknown>>): StackConfig {
  const { config, ...rest } = context;
  const single = Object.entries(rest)
    .filter(([name]) => BARE_WORD.test(name) || SETTING_NAMES.includes(name))
    .map(([name, value]) => [name, typeof value === "string" ? valueOf(name, value) : value]);
  return parseStackConfig({ ...fileSettings(config), ...Object.fromEntries(single) });
}

function fileSettings(path: unknown): object {
  if (path === undefined) return {};
  if (typeof path !== "string") throw invalid(["config must be the name of a file"]);
  const settings = parsed(`config (${path})`, () => readFileSync(path, "utf8"));
  if (typeof settings === "object" && settings !== null && !Array.isArray(settings)) return settings;
  throw invalid([`config (${path}) must hold an object of settings`]);
}

/** Text of the command line, read as YAML reads it, so that 5 is a number and true a truth value. */
function valueOf(name: string, text: string): unknown {
  return parsed(`${name} (${JSON.stringify(text)})`, () => text);
}

function parsed(what: string, text: () => string): unknown {
  try {
    return parse(text());
  } catch (error) {
    throw invalid([`${what} cannot be read: ${errorMessage(error)}`]);
  }
}
