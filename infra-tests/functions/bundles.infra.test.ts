import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { build } from "esbuild";
import {
  type Bundle,
  bundleFunction,
  BUNDLING,
  FUNCTION_NAMES,
  type FunctionName,
} from "../../functions/bundle.ts";
import { VARIABLES } from "../../functions/testing/variables.ts";

/** Half of it is packages. A package that slips in brings more than the room that is left. */
const MOST_BYTES = 2_100_000;

/** Packages that have no place in a function, nor should they ever slip into one. */
const UNWANTED = [
  "@kubernetes/client-node",
  "node_modules/semver/",
  "aws-cdk-lib",
  "node_modules/commander/",
];

/**
 * Loads a bundle in a new process, as Lambda does, and prints how long that took and what it exports; then what is loaded
 * only when it is used.
 */
const LOADER = `
  const started = process.hrtime.bigint();
  const exports = await import(process.argv[1]);
  const wallMs = Number(process.hrtime.bigint() - started) / 1e6;
  const { user, system } = process.cpuUsage();
  for (const chunk of process.argv.slice(2)) await import(chunk);
  console.log(JSON.stringify({ handler: typeof exports.handler, wallMs, cpuMs: (user + system) / 1000 }));
  process.exit(0);`;

async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function load(folder: string): Promise<{ handler: string; wallMs: number; cpuMs: number }> {
  const env = { ...VARIABLES, AWS_REGION: "eu-west-1", POWERTOOLS_METRICS_NAMESPACE: "test" };
  const chunks = (await readdir(join(folder, "chunks"))).map((name) => join(folder, "chunks", name));
  const args = ["--input-type=module", "--eval", LOADER, join(folder, "index.mjs"), ...chunks];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return JSON.parse(stdout) as { handler: string; wallMs: number; cpuMs: number };
}

test("what bundling cuts down still works", async () => {
  const outdir = await mkdtemp(join(tmpdir(), "probe-"));
  try {
    await build({ ...BUNDLING, entryPoints: { index: join(import.meta.dirname, "probe.ts") }, outdir });
    const { stdout } = await promisify(execFile)(process.execPath, [join(outdir, "index.mjs")]);
    assert.deepEqual(JSON.parse(stdout), {
      http: "200 over HTTP",
      proxy: "200 through a proxy",
      etcd: "ETCD_UNREACHABLE",
      aws: [200, 200, 200, 200, 200, 200],
      yaml: [{ mode: 0o644 }, [true]],
      zod: 2,
      pattern: [true, false],
    });
  } finally {
    await rm(outdir, { recursive: true });
  }
});

describe("the bundle of", () => {
  const bundles = new Map<FunctionName, Bundle>();
  let into = "";

  before(async () => {
    into = await mkdtemp(join(tmpdir(), "bundles-"));
    for (const name of FUNCTION_NAMES) bundles.set(name, await bundleFunction(name, into));
  });
  after(() => rm(into, { recursive: true }));

  for (const name of FUNCTION_NAMES) {
    test(`${name} is small, and loads by itself`, async (t) => {
      const { folder = "", metafile = { inputs: {} } } = bundles.get(name) ?? {};
      const bytes = await bytesOf(folder);
      const loads = [await load(folder), await load(folder), await load(folder)];
      const best = (of: "wallMs" | "cpuMs"): string => Math.min(...loads.map((one) => one[of])).toFixed(0);
      t.diagnostic(
        `${name}: ${bytes} bytes, loaded in ${best("wallMs")} ms (${best("cpuMs")} ms of processor)`,
      );

      assert.ok(bytes < MOST_BYTES, `${bytes} bytes`);
      assert.deepEqual(new Set(loads.map(({ handler }) => handler)), new Set(["function"]));
      const unwanted = Object.keys(metafile.inputs).filter((input) =>
        UNWANTED.some((part) => input.includes(part)),
      );
      assert.deepEqual(unwanted, []);
    });
  }

  test("wake brings neither migrations nor a way into clusters", () => {
    const inputs = Object.keys(bundles.get("wake")?.metafile.inputs ?? {});
    assert.ok(inputs.length > 0);
    assert.deepEqual(
      inputs.filter((input) => /shared\/(migrations|kubernetes|etcd)\//.test(input)),
      [],
    );
  });
});
