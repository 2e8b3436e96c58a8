import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { errorMessage, MigratorError } from "../../shared/errors.ts";
import { buildNativeStageSet } from "./native-stage-set.ts";
import { buildStageSet, type StageSet } from "./stage-set.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const STAGE_SETS = { "etcd-to-kubernetes": buildStageSet, "apiserver-to-crds": buildNativeStageSet } as const;
type MigrationName = keyof typeof STAGE_SETS;
const USAGE = `usage: npm start -- [${Object.keys(STAGE_SETS).join("|")}] [--resources N] [--stop-before STAGE] [--keep]`;
const INTERRUPTED = 130;
const ACTION_NEEDED = 4;

interface Options {
  migration: MigrationName;
  resources: number;
  keep: boolean;
  stopBefore: string | undefined;
}

/** Migrates a seeded cluster with the real command line, as a person would. */
async function main(options: Options): Promise<number> {
  const store = newStore();
  const set = await STAGE_SETS[options.migration](options, say);
  try {
    const code = await migrate(set, store, options);
    if (options.keep || (code === INTERRUPTED && process.stdin.isTTY)) await untilInterrupted(store);
    return code;
  } finally {
    say("stopping the clusters");
    await set.stop();
  }
}

function newStore(): string {
  const folder = join(tmpdir(), "calico-migrator-demo", new Date().toISOString().replace(/[:.]/g, "-"));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return join(folder, "store.db");
}

async function migrate(
  { words: way }: StageSet,
  store: string,
  { migration, stopBefore }: Options,
): Promise<number> {
  const stop =
    stopBefore === undefined
      ? [migration === "apiserver-to-crds" ? "--yes=cleanup" : "--yes"]
      : ["--stop-before", stopBefore];
  return runCommandLine(["start", migration, ...way, "--store", store, ...stop], store);
}

/** Runs the command line in this terminal. Ctrl-C reaches it directly, and it decides what happens then. */
async function runCommandLine(words: readonly string[], store: string): Promise<number> {
  say(`$ npx calico-migrator ${words.join(" ")}`);
  const ignore = (): void => undefined;
  process.on("SIGINT", ignore);
  const child = spawn(process.execPath, [join(ROOT, "cli", "bin.mjs"), ...words], { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  process.off("SIGINT", ignore);
  if (code !== 0 && code !== ACTION_NEEDED) say(`to go on: npx calico-migrator resume --store ${store}`);
  return code ?? 1;
}

async function untilInterrupted(store: string): Promise<void> {
  say(`the clusters keep running until Ctrl-C; try: npx calico-migrator get --store ${store}`);
  const alive = setInterval(() => undefined, 60_000);
  await once(process, "SIGINT");
  clearInterval(alive);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function parse(): Options | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        resources: { type: "string", default: "2000" },
        keep: { type: "boolean", default: false },
        "stop-before": { type: "string" },
      },
    });
    const resources = Number(values.resources);
    const [migration = "etcd-to-kubernetes", ...more] = positionals;
    if (!Number.isInteger(resources) || resources < 1) return undefined;
    if (!isMigration(migration) || more.length > 0) return undefined;
    return { migration, resources, keep: values.keep, stopBefore: values["stop-before"] };
  } catch {
    return undefined;
  }
}

function isMigration(name: string): name is MigrationName {
  return name in STAGE_SETS;
}

const options = parse();
if (options === undefined) {
  say(USAGE);
  process.exitCode = 2;
} else {
  try {
    process.exitCode = await main(options);
  } catch (error) {
    say(errorMessage(error));
    if (error instanceof MigratorError) say(error.next);
    process.exitCode = 1;
  }
}
