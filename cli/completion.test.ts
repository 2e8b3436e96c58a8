import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test, type TestContext } from "node:test";
import { run } from "./program.ts";
import { fakeWorld } from "./testing/fake-world.ts";

async function script(t: TestContext, shell: string): Promise<string> {
  const world = fakeWorld(t);
  assert.equal(await run(["completion", shell], world), 0);
  return world.stdout.text;
}

/** What bash offers for the last of these words. */
function offered(source: string, words: readonly string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(" ");
  const lines = [
    source,
    "calico-migrator() { echo run-1; echo run-2; }",
    `COMP_WORDS=(calico-migrator ${line})`,
    `COMP_CWORD=${words.length}`,
    "_calico_migrator",
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ];
  const { stdout, stderr } = spawnSync("bash", ["-c", lines.join("\n")], { encoding: "utf8" });
  assert.equal(stderr, "");
  return stdout.trim().split("\n");
}

describe("completion", () => {
  test("bash offers commands, options, values and runs", async (t) => {
    const source = await script(t, "bash");
    assert.deepEqual(offered(source, ["st"]), ["start"]);
    assert.deepEqual(offered(source, ["clusters", "re"]), ["remove"]);
    assert.deepEqual(offered(source, ["start", "--stop"]), ["--stop-before"]);
    assert.deepEqual(offered(source, ["get", "-o", "j"]), ["json"]);
    assert.deepEqual(offered(source, ["get", "--output", "y"]), ["yaml"]);
    assert.deepEqual(offered(source, ["resume", "run-"]), ["run-1", "run-2"]);
  });

  test("zsh gets the same through bashcompinit, fish a line for each word", async (t) => {
    assert.match(await script(t, "zsh"), /^#compdef calico-migrator\n.*bashcompinit/);
    const fish = await script(t, "fish");
    assert.match(fish, /-n '__fish_use_subcommand' -f -a start -d 'start a migration and work on it'/);
    assert.match(fish, /__fish_seen_subcommand_from restore' -l side -x -a 'etcd kubernetes'/);
  });

  test("other shells are refused with exit code 2", async (t) => {
    assert.equal(await run(["completion", "tcsh"], fakeWorld(t)), 2);
  });
});
