import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

const ROOT = join(import.meta.dirname, "..");

/** Makes the package as `npm publish` would, and gives the folder that it was unpacked into, with what it depends on. */
function packed(t: TestContext): { folder: string; files: string[] } {
  const outside = mkdtempSync(join(tmpdir(), "calico-migrator-package-"));
  t.after(() => {
    rmSync(outside, { recursive: true, force: true });
  });
  const answer = execFileSync("npm", ["pack", "--json", "--pack-destination", outside], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [name = ""] = /calico-migrator-[\w.-]+\.tgz/.exec(answer) ?? [];
  const archive = join(outside, name);
  const files = execFileSync("tar", ["-tzf", archive], { encoding: "utf8" }).trim().split("\n");
  execFileSync("tar", ["-xzf", archive, "-C", outside]);
  const folder = join(outside, "package");
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return { folder, files };
}

test("the package has a program that works, and nothing that only developers need", (t) => {
  const { folder, files } = packed(t);

  const { status, stdout, stderr } = spawnSync(join(folder, "cli", "bin.mjs"), ["version", "-o", "wide"], {
    encoding: "utf8",
  });
  assert.deepEqual([status, stderr], [0, ""]);
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  assert.ok(stdout.startsWith(`calico-migrator ${version}`), stdout);
  assert.match(stdout, /etcd-to-kubernetes.*apiserver-to-crds/s);
  const superfluous = files.filter((name) => /\.map$|\.ts$|\/testing\/|\.test\.js$/.test(name));
  assert.deepEqual(superfluous, []);
});
