import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";

const ROOT = join(import.meta.dirname, "..");

function read(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

const Package = z.object({
  engines: z.object({ node: z.string() }),
  devEngines: z.object({ runtime: z.object({ version: z.string() }) }),
  scripts: z.object({ prepack: z.string() }),
  devDependencies: z.object({ node: z.string() }),
});
const { engines, devEngines, scripts, devDependencies } = Package.parse(JSON.parse(read("package.json")));

test("the package asks for the Node that the program asks for, which only a clone brings along", () => {
  const [, wanted = ""] = /^const WANTED = (\d+);/m.exec(read("cli/bin.mjs")) ?? [];
  assert.equal(engines.node, `>=${wanted}`);
  assert.ok(devDependencies.node.startsWith(`${wanted}.`));
  const [, started = ""] = /maintained Node \((\d+) or newer\)/.exec(read("README.md")) ?? [];
  assert.equal(devEngines.runtime.version, `>=${started}`);
});

test("the package is built whenever it is packed, without what only developers need", () => {
  assert.equal(scripts.prepack, "npm run build");
  const Settings = z.object({ compilerOptions: z.record(z.string(), z.unknown()) });
  const { compilerOptions } = Settings.parse(JSON.parse(read("tsconfig.build.json")));
  assert.deepEqual([compilerOptions["declaration"], compilerOptions["sourceMap"]], [undefined, undefined]);
});
