import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { errorMessage, MigratorError } from "../../shared/errors.ts";
import { buildStageSet, manifestOf, type StageSet } from "./stage-set.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const USAGE = "usage: npm start -- [--resources N] [--stop-before STAGE] [--keep]";
const INTERRUPTED = 130;
const ACTION_NEEDED = 4;

interface Options {
  resources: number;
  keep: boolean;
  stopBefore: string | undefined;
}

/** Migrates a seeded cluster with the real command line, as a person would. */
async function main(options: Options): Promise<number> {
  const store = newStore();
  const set = await buildStageSet({ resources: options.resources }, say);
  try {
    const code = await migrate(set, store, options);
    if (options.keep || (code === INTERRUPTED && process.stdin.isTTY)) await untilInterrupted(store);
    return code;
  } finally {
    say("stopping etcd and Kubernetes");
    await set.stop();
  }
}

function newStore(): string {
  const folder = join(tmpdir(), "calico-migrator-demo", new Date().toISOString().replace(/[:.]/g, "-"));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return join(folder, "store.db");
}

async function migrate(
  { kubernetes, etcd }: StageSet,
  store: string,
  { stopBefore }: Options,
): Promise<number> {
  const words = [
    ...["start", "etcd-to-kubernetes"],
    ...["--kubeconfig", kubernetes.kubeconfig, "--etcd-endpoints", etcd.endpoint],
    ...["--manifest", manifestOf("kubernetes"), "--rollback-manifest", manifestOf("etcd"), "--store", store],
    ...(stopBefore === undefined ? ["--yes"] : ["--stop-before", stopBefore]),
  ];
  return runCommandLine(words, store);
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
  say(`etcd and Kubernetes keep running until Ctrl-C; try: npx calico-migrator get --store ${store}`);
  const alive = setInterval(() => undefined, 60_000);
  await once(process, "SIGINT");
  clearInterval(alive);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function parse(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        resources: { type: "string", default: "2000" },
        keep: { type: "boolean", default: false },
        "stop-before": { type: "string" },
      },
    });
    const resources = Number(values.resources);
    if (!Number.isInteger(resources) || resources < 1) return undefined;
    return { resources, keep: values.keep, stopBefore: values["stop-before"] };
  } catch {
    return undefined;
  }
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
