import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { MIGRATIONS } from "../shared/migrations/registry.ts";
import { run } from "./program.ts";
import { fakeWorld } from "./testing/fake-world.ts";

async function script(t: TestContext, shell: string): Promise<string> {
  const world = { ...fakeWorld(t), migrations: MIGRATIONS };
  assert.equal(await run(["completion", shell], world), 0);
  return world.stdout.text;
}

/** Answers for the program, and shows in which place it was asked. */
const PROGRAM = `calico-migrator() {
  case "$1" in get) echo run-1; echo run-2; shift 3 ;; clusters) echo prod; shift 3 ;; esac
  [ "$#" = 0 ] || echo "run-in:$*" | tr " " ":"
}`;

const PROGRAM_OF_FISH = `function calico-migrator
  switch "$argv[1]"
    case get
      printf '%s\\n' run-1 run-2
    case clusters
      echo prod
  end
  test (count $argv) = 3; or echo run-in:(string join -- : $argv[4..-1])
end`;

const WORDS: readonly [string, readonly string[], readonly string[]][] = [
  ["commands", ["st"], ["start"]],
  ["commands below commands", ["clusters", "re"], ["remove"]],
  ["options", ["start", "--stop"], ["--stop-before"]],
  ["values", ["get", "-o", "j"], ["json"]],
  ["values of long options", ["get", "--output", "y"], ["yaml"]],
  ["migrations", ["start", "et"], ["etcd-to-kubernetes"]],
  ["shells", ["completion", "z"], ["zsh"]],
  ["stages", ["start", "etcd-to-kubernetes", "--stop-before", "unl"], ["unlock"]],
  ["stages of this migration alone", ["start", "etcd-to-kubernetes", "--stop-before", "clean"], []],
  ["stages of the run's migration", ["approve", "apiserver-to-crds-1a2b3c4d", "clean"], ["cleanup"]],
  ["clusters", ["plan", "etcd-to-kubernetes", "--cluster", "p"], ["prod"]],
  ["runs", ["resume", "run-"], ["run-1", "run-2"]],
  [
    "runs of the store that is named",
    ["resume", "--store", "other.db", "run-"],
    ["run-1", "run-2", "run-in:--store:other.db"],
  ],
  ["nothing for a value that is free", ["start", "--batch-size", "s"], []],
  [
    "no command for a value that is called like one",
    ["start", "--context", "clusters", "--stop"],
    ["--stop-before"],
  ],
];

const SHELLS_HERE = {
  bash: (source: string, words: readonly string[]) => [
    source,
    PROGRAM,
    `COMP_WORDS=(calico-migrator ${quoted(words)})`,
    `COMP_CWORD=${words.length}`,
    "_calico_migrator",
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ],
  // What zsh itself does with the words: it keeps those that begin as the word before the cursor does.
  zsh: (source: string, words: readonly string[]) => [
    "compdef() { :; }",
    source,
    PROGRAM,
    `words=(calico-migrator ${quoted(words)})`,
    `CURRENT=${words.length + 1} PREFIX="$words[-1]"`,
    'compadd() { shift; print -rl -- "${(@M)@:#$PREFIX*}"; }',
    '_files() { print -rl -- "$PREFIX"*(N); }',
    '_calico_migrator; command -v ls >/dev/null || echo "PATH is gone" >&2',
  ],
};

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(" ");
}

function has(shell: string): boolean {
  return spawnSync(shell, ["-c", "true"]).status === 0;
}

/** What a shell offers for the last of these words. */
function offered(
  shell: keyof typeof SHELLS_HERE,
  source: string,
  words: readonly string[],
  cwd = ".",
): string[] {
  const flags = shell === "zsh" ? ["-f"] : ["--norc"];
  const script = SHELLS_HERE[shell](source, words).join("\n");
  const { stdout, stderr } = spawnSync(shell, [...flags, "-c", script], { encoding: "utf8", cwd });
  assert.equal(stderr, "");
  return stdout.split("\n").filter((line) => line !== "");
}

describe("completion", () => {
  for (const shell of ["bash", "zsh"] as const) {
    test(`${shell} offers what may follow`, { skip: !has(shell) && `there is no ${shell}` }, async (t) => {
      const source = await script(t, shell);
      for (const [what, words, answer] of WORDS)
        assert.deepEqual(offered(shell, source, words), answer, what);
    });

    test(
      `${shell} offers files, also with blanks`,
      { skip: !has(shell) && `there is no ${shell}` },
      async (t) => {
        const source = await script(t, shell);
        const { folder } = fakeWorld(t);
        for (const name of ["a store.db", "another.db"]) writeFileSync(join(folder, name), "");
        for (const words of [
          ["get", "--store", "a"],
          ["start", "--manifest", "a"],
        ])
          assert.deepEqual(offered(shell, source, words, folder).sort(), ["a store.db", "another.db"]);
      },
    );
  }

  test("bash completes what follows an equals sign, which it takes for a word", async (t) => {
    const source = await script(t, "bash");
    assert.deepEqual(offered("bash", source, ["approve", "--yes", "=", "clean"]), ["cleanup"]);
    assert.deepEqual(offered("bash", source, ["get", "--output", "=", "y"]), ["yaml"]);
    const inStore = ["run-1", "run-2", "run-in:--store:x.db"];
    assert.deepEqual(offered("bash", source, ["resume", "--store", "=", "x.db", "run-"]), inStore);
  });

  test("fish gets a line for each word", async (t) => {
    const fish = await script(t, "fish");
    assert.match(fish, /-n '__fish_use_subcommand' -f -a start -d 'start a migration and work on it'/);
    assert.match(fish, /__fish_seen_subcommand_from restore' -l side -x -a 'etcd kubernetes'/);
    assert.match(fish, /__fish_seen_subcommand_from start' -f -a 'etcd-to-kubernetes apiserver-to-crds'/);
    assert.match(
      fish,
      /__fish_seen_subcommand_from start' -l stop-before -x -a '\(__calico_migrator_stages\)'/,
    );
    assert.match(fish, /__fish_seen_subcommand_from get' -s o -l output -x -a '[^']*\bjson\b/);
    assert.match(fish, /__fish_seen_subcommand_from start' -l plan -x -d /);
  });

  test("fish offers what may follow", { skip: !has("fish") && "there is no fish" }, async (t) => {
    const source = await script(t, "fish");
    const { folder } = fakeWorld(t);
    for (const name of ["a store.db", "another.db"]) writeFileSync(join(folder, name), "");
    const files = ["get", "--store", "a"];
    for (const [what, words, answer] of [...WORDS, ["files", files, ["another.db", "a store.db"]]] as const) {
      const asked = `complete -C ${quoted([["calico-migrator", ...words].join(" ")])}`;
      const lines = [PROGRAM_OF_FISH, source, asked].join("\n");
      const found = spawnSync("fish", ["--no-config", "-c", lines], { encoding: "utf8", cwd: folder });
      assert.equal(found.stderr, "");
      const offers = found.stdout.split("\n").filter((line) => line !== "");
      assert.deepEqual(offers.map((line) => line.split("\t")[0]).toSorted(), answer.toSorted(), what);
    }
  });

  test("other shells are refused with exit code 2", async (t) => {
    assert.equal(await run(["completion", "tcsh"], fakeWorld(t)), 2);
  });
});
