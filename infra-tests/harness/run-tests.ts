import { glob } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { duration } from "../../cli/output/durations.ts";
import { errorMessage, MigratorError } from "../../shared/errors.ts";
import { BINARIES, ensureBinaries } from "./binaries.ts";
import { clusterSource } from "./kubernetes.ts";
import { ensureLocalStack } from "./localstack/index.ts";

/** What there is to run: unit tests need nothing but Node, infra tests need a real etcd and Kubernetes. */
interface Suite {
  pattern: string;
  /** Endings of files that `pattern` finds and that belong elsewhere. */
  excluded?: string;
  /** How many files run at once. */
  concurrency: number;
  /** How long one file may take. Milliseconds. */
  timeoutMs: number;
  /** Parts of the paths of files that take longest: these begin first. */
  long?: readonly string[];
  prepare: () => Promise<void>;
}

const SUITES: Readonly<Record<string, Suite>> = {
  unit: {
    pattern: "**/*.test.ts",
    excluded: ".infra.test.ts",
    concurrency: availableParallelism(),
    timeoutMs: 600_000,
    prepare: () => Promise.resolve(),
  },
  infra: {
    pattern: "infra-tests/**/*.infra.test.ts",
    // Each has a control plane of its own; more than two at once gain nothing on two cores.
    concurrency: 2,
    timeoutMs: 1_500_000,
    long: ["/service.infra", "/native-crash", "/native-rbac", "/native-abort", "/native-faults", "/crash"],
    prepare: prepareRealParts,
  },
};

const SLOWEST = 12;
const ROOT = join(import.meta.dirname, "..", "..");

// Built ahead, so that no test's time limit has to include it.
async function prepareRealParts(): Promise<void> {
  if ((await clusterSource()).origin === "local") await ensureBinaries(BINARIES);
  await ensureLocalStack();
}

async function main([name = "", ...filters]: readonly string[]): Promise<number> {
  const suite = SUITES[name];
  if (suite === undefined)
    return fail(`usage: run-tests.ts ${Object.keys(SUITES).join("|")} [part of a path]…`);
  const files = await testFiles(suite, filters);
  if (files.length === 0) return fail(`no ${name} test matches ${filters.join(" ")}`);
  await suite.prepare();
  return runFiles(suite, files);
}

async function testFiles(suite: Suite, filters: readonly string[]): Promise<string[]> {
  const exclude = (path: string) => /(^|\/)(node_modules|dist)$/.test(path);
  const found: string[] = [];
  for await (const path of glob(suite.pattern, { cwd: ROOT, exclude })) found.push(path);
  return found
    .filter((path) => suite.excluded === undefined || !path.endsWith(suite.excluded))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort((one, other) => orderOf(suite, one) - orderOf(suite, other) || (one < other ? -1 : 1));
}

function orderOf({ long = [] }: Suite, path: string): number {
  const at = long.findIndex((part) => path.includes(part));
  return at < 0 ? long.length : at;
}

/** Runs each file in a process of its own, in this order, and prints as Node's own runner does. */
async function runFiles({ concurrency, timeoutMs }: Suite, files: readonly string[]): Promise<number> {
  const nodeOptions = [process.env["NODE_OPTIONS"], "--disable-warning=ExperimentalWarning"];
  process.env["NODE_OPTIONS"] = nodeOptions.filter(Boolean).join(" ");
  // Every file is a process of its own, and most of a short one's time goes into compiling the same modules.
  process.env["NODE_COMPILE_CACHE"] ??= join(ROOT, "node_modules", ".cache", "node-compile-cache");
  process.chdir(ROOT);
  const paths = files.map((file) => join(ROOT, file));
  let status = 0;
  const events = run({ files: paths, timeout: timeoutMs, concurrency });
  events.on("test:fail", ({ todo }) => {
    if (todo === undefined || todo === false) status = 1;
  });
  const durations = new Map<string, number>();
  events.on("test:summary", ({ file, duration_ms }) => {
    if (file !== undefined) durations.set(file, duration_ms);
  });
  await pipeline(events.compose(new spec()), new Writable({ write: print }));
  process.stdout.write(slowest(durations));
  return status;
}

/** The files that took longest, as the order in which they begin decides how long all of them take. */
function slowest(durations: ReadonlyMap<string, number>): string {
  const longest = [...durations].sort(([, one], [, other]) => other - one).slice(0, SLOWEST);
  return longest.map(([file, ms]) => `${duration(ms).padStart(8)}  ${relative(ROOT, file)}\n`).join("");
}

function print(chunk: Buffer | string, _encoding: string, done: () => void): void {
  process.stdout.write(chunk, done);
}

function fail(message: string): number {
  console.error(message);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(errorMessage(error));
  if (error instanceof MigratorError) console.error(error.next);
  process.exitCode = 1;
}
