import assert from "node:assert/strict";
import { spawn, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("bin.mjs", import.meta.url));
/** Makes this Node call itself an old one, for the choice alone. */
const OLD = `data:text/javascript,${encodeURIComponent(
  'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.9.0" } });',
)}`;

function runBin(
  bin: string,
  words: readonly string[],
  node: readonly string[] = [],
): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [...node, bin, ...words], { encoding: "utf8" });
}

/** A package of its own with this program in it, and a Node beside it if asked for. */
function packageWith(
  t: TestContext,
  program: string,
  options: { node?: boolean; built?: boolean } = {},
): string {
  const root = mkdtempSync(join(tmpdir(), "calico-migrator-bin-"));
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
  });
  const folder = options.built === true ? join(root, "dist", "cli") : join(root, "cli");
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(root, "cli"), { recursive: true });
  writeFileSync(join(root, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, options.built === true ? "main.js" : "main.ts"), program);
  const bin = join(root, "cli", "bin.mjs");
  copyFileSync(BIN, bin);
  chmodSync(bin, 0o755);
  if (options.node === true) {
    mkdirSync(join(root, "node_modules", "node", "bin"), { recursive: true });
    symlinkSync(process.execPath, join(root, "node_modules", "node", "bin", "node"));
  }
  return bin;
}

describe("bin.mjs", () => {
  test("runs the sources of a clone, and says nothing about experimental parts", () => {
    const { status, stdout, stderr } = runBin(BIN, ["version"]);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^calico-migrator \d/);
  });

  test("passes the exit code through", () => {
    assert.equal(runBin(BIN, ["nonsense"]).status, 2);
  });

  // Only some systems have a file that is always full.
  const options = { skip: !existsSync("/dev/full") };
  test("whose output is lost on a full disk (OUTPUT_LOST) is not where there is room", options, (t) => {
    const full = openSync("/dev/full", "w");
    t.after(() => {
      closeSync(full);
    });
    const into = (
      stdout: "pipe" | number,
      stderr: "pipe" | number,
      ...words: string[]
    ): SpawnSyncReturns<string> =>
      spawnSync(process.execPath, [BIN, ...words], { encoding: "utf8", stdio: ["ignore", stdout, stderr] });
    const lost = into(full, "pipe", "version");
    assert.equal(lost.status, 1);
    assert.match(lost.stderr, /^error: .*ENOSPC.* \(OUTPUT_LOST\)\nnext: Make room where it goes to/);
    assert.equal(into("pipe", "pipe", "version").status, 0);
    assert.equal(into("pipe", full, "nonsense").status, 2, "that nobody reads errors changes no exit code");
  });

  test("on an old Node runs the Node that comes with the project", () => {
    const { status, stdout, stderr } = runBin(BIN, ["version"], ["--import", OLD]);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^calico-migrator \d/);
    assert.equal(runBin(BIN, ["nonsense"], ["--import", OLD]).status, 2);
  });

  test("says what is missing when there is no other Node", (t) => {
    const { status, stderr } = runBin(packageWith(t, ""), ["version"], ["--import", OLD]);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /Node 24 or newer is needed, this is 20\.9\.0.*\(NODE_TOO_OLD\)\nnext: Install Node 24/,
    );
  });

  test("runs what was built in a published package", (t) => {
    const bin = packageWith(t, "console.log('built', process.argv[2]); process.exitCode = 7;", {
      built: true,
    });
    const { status, stdout } = runBin(bin, ["x"]);
    assert.deepEqual([status, stdout], [7, "built x\n"]);
  });

  for (const [name, node] of [
    ["this Node", []],
    ["the other Node", ["--import", OLD]],
  ] as const) {
    test(`tells the C library to keep little freed memory, as ${name} starts; what a person has set counts`, (t) => {
      const names = ["MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"];
      const program = `console.log(${JSON.stringify(names)}.map((name) => process.env[name]).join(" "));`;
      const bin = packageWith(t, program, { node: true });
      const env = { ...process.env, MALLOC_ARENA_MAX: "7" };
      const { stdout } = spawnSync(process.execPath, [...node, bin], { encoding: "utf8", env });
      assert.match(stdout, /^7 \d+ \d+\n$/);
    });
  }

  test("passes signals on, and ends as the other Node did", async (t) => {
    const program = `
      process.on("SIGINT", () => { console.log("interrupted"); clearInterval(alive); process.exitCode = 130; });
      const alive = setInterval(() => {}, 1000);
      console.log("ready");`;
    const bin = packageWith(t, program, { node: true });
    const child = spawn(process.execPath, ["--import", OLD, bin], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.setEncoding("utf8");
    const [ready] = (await once(child.stdout, "data")) as [string];
    assert.equal(ready, "ready\n");
    child.kill("SIGINT");
    const [code] = (await once(child, "exit")) as [number | null];
    assert.equal(code, 130);
  });
});
