import { spawn } from "node:child_process";
import { once } from "node:events";
import { glob } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, MigratorError } from "../../shared/errors.ts";
import { BINARIES, ensureBinaries } from "./binaries.ts";
import { clusterSource } from "./kubernetes.ts";
import { ensureLocalStack } from "./localstack/index.ts";

/** What there is to run: unit tests need nothing but Node, infra tests need a real etcd and Kubernetes. */
interface Suite {
  pattern: string;
  /** Endings of files that `pattern` finds and that belong elsewhere. */
  excluded?: string;
  nodeArgs: readonly string[];
  prepare: () => Promise<void>;
}

const SUITES: Readonly<Record<string, Suite>> = {
  unit: {
    pattern: "**/*.test.ts",
    excluded: ".infra.test.ts",
    nodeArgs: ["--test-timeout=120000"],
    prepare: () => Promise.resolve(),
  },
  infra: {
    pattern: "infra-tests/**/*.infra.test.ts",
    // One after another: each has a control plane of its own, and timing matters to some. The limit is that of a whole file.
    nodeArgs: ["--test-concurrency=1", "--test-timeout=2700000"],
    prepare: prepareRealParts,
  },
};

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
  return runNode(["--test", "--test-reporter=spec", ...suite.nodeArgs, ...files]);
}

async function testFiles(suite: Suite, filters: readonly string[]): Promise<string[]> {
  const exclude = (path: string) => /(^|\/)(node_modules|dist)$/.test(path);
  const found: string[] = [];
  for await (const path of glob(suite.pattern, { cwd: ROOT, exclude })) found.push(path);
  return found
    .filter((path) => suite.excluded === undefined || !path.endsWith(suite.excluded))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort();
}

async function runNode(args: readonly string[]): Promise<number> {
  const options = [process.env["NODE_OPTIONS"], "--disable-warning=ExperimentalWarning"];
  const env = { ...process.env, NODE_OPTIONS: options.filter(Boolean).join(" ") };
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ["ignore", "inherit", "inherit"] });
  const [status] = (await once(child, "exit")) as [number | null];
  return status ?? 1;
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
