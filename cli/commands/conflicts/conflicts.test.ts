import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { withFakeStack } from "../../testing/fake-stack.ts";
import { type FakeWorld, fakeWorld, runIn, runOnAws } from "../../testing/fake-world.ts";

interface ConflictList {
  run: string;
  conflicts: { key: string; use: string | null; seen: string; differences: object[] }[];
}

/** A store with one run, which waits for people to decide about the things `a`, `b` and `c`. */
async function inConflict(
  t: TestContext,
  leaving: readonly string[] = [],
): Promise<{ world: FakeWorld; runId: string }> {
  const world = fakeWorld(t, { conflicts: ["a", "b", "c"], leaving });
  const { code, stderr } = await runIn(
    world,
    "start",
    "fake",
    "--kubeconfig",
    world.kubeconfig,
    "--yes",
    "-q",
  );
  assert.equal(code, 4, stderr);
  assert.match(stderr, /next: calico-migrator conflicts fake-/);
  return { world, runId: (await listed(world)).run };
}

async function listed(world: FakeWorld): Promise<ConflictList> {
  return JSON.parse((await runIn(world, "conflicts", "-o", "json")).stdout) as ConflictList;
}

async function keysOf(world: FakeWorld): Promise<string[]> {
  return (await listed(world)).conflicts.map(({ key }) => key);
}

/** Writes a review to a file, has it edited, and gives the file's name. */
async function review(world: FakeWorld, edit: (text: string) => string): Promise<string> {
  const { stdout } = await runIn(world, "conflicts", "-o", "yaml");
  const file = join(world.folder, "reviewed.yaml");
  writeFileSync(file, edit(stdout));
  return file;
}

describe("conflicts", () => {
  test("are listed with their differences, in every form", async (t) => {
    const { world, runId } = await inConflict(t);

    const { stdout } = await runIn(world, "conflicts");
    assert.match(stdout, /^CONFLICT +DIFFERS IN +SOURCE +TARGET +DECIDED/);
    for (const key of ["a", "b", "c"]) assert.match(stdout, new RegExp(`Thing/${key} +spec\\.order +1 +2`));
    assert.match((await runIn(world, "conflicts", runId, "-o", "wide")).stdout, /REASON\n.*it differs/);
    assert.equal((await runIn(world, "conflicts", "-o", "name")).stdout, "Thing/a\nThing/b\nThing/c\n");
    assert.deepEqual((await listed(world)).conflicts[0]?.differences, [
      { path: "spec.order", source: "1", target: "2" },
    ]);
  });

  test("are listed with the commands that open the objects: some, and all of them with -o wide", async (t) => {
    const world = fakeWorld(t, { conflicts: ["a", "b", "c", "d", "e", "f"] });
    await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "--yes", "-q");

    const { stdout } = await runIn(world, "conflicts");

    const command = (name: string): string => `  kubectl edit things.v1.example.com ${name}\n`;
    const some = ["a", "b", "c", "d", "e"].map(command).join("");
    assert.ok(stdout.endsWith(`deletes them):\n${some}  and 1 more with -o wide\n`), stdout);
    assert.ok((await runIn(world, "conflicts", "-o", "wide")).stdout.endsWith(`${some}${command("f")}`));
  });

  test("are none for a run without, and need a run that there is", async (t) => {
    const world = fakeWorld(t);
    await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "--stop-before", "lock", "-q");

    assert.equal((await runIn(world, "conflicts")).stdout, "no conflicts\n");
    assert.match((await runIn(world, "conflicts", "gone")).stderr, /\(RUN_NOT_FOUND\)/);
  });
});

describe("a run that looks at its conflicts again and again", () => {
  const START = ["start", "fake", "--yes", "-q", "--kubeconfig"];

  test("is left waiting without a terminal, with exit code 4 and the next command", async (t) => {
    const world = fakeWorld(t, { conflicts: ["a"], conflictPollMs: 50 });
    const { code, stderr } = await runIn(world, ...START, world.kubeconfig);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /waiting \(Conflict\): 1 differ\nnext: calico-migrator conflicts fake-/);
    const { run } = await listed(world);
    const resolved = await runIn(world, "conflicts", "resolve", run, "--use", "source", "-q");
    assert.deepEqual([resolved.code, /Succeeded/.test(resolved.stdout)], [0, true]);
  });

  test("is gone along with on a terminal, which is told once how to decide in another one", async (t) => {
    const world = fakeWorld(t, { conflicts: ["a"], conflictPollMs: 50 });
    world.stdin.isTTY = world.stderr.isTTY = true;
    const started = runIn(world, ...START, world.kubeconfig);
    const next = /next: calico-migrator conflicts (fake-\S+)/g;
    for (let tries = 0; !next.test(world.stderr.text); tries++) {
      assert.ok(tries < 500, world.stderr.text);
      await sleep(20);
    }
    const { run } = await listed(world);
    const resolved = await runIn(world, "conflicts", "resolve", run, "--use", "source", "--no-wait");
    assert.match(resolved.stderr, new RegExp(`next: calico-migrator watch ${run}`));
    assert.equal((await started).code, 0);
    assert.equal(world.stderr.text.match(next)?.length, 1);
  });
});

describe("conflicts resolve", () => {
  test("decides what is named, leaves the rest waiting, and goes on once all are decided", async (t) => {
    const { world, runId } = await inConflict(t);

    const some = await runIn(world, "conflicts", "resolve", runId, "Thing/a", "--use", "source", "-q");
    assert.deepEqual([some.code, /decided: 1/.test(some.stderr)], [4, true]);
    assert.deepEqual(await keysOf(world), ["Thing/b", "Thing/c"]);
    const all = await runIn(world, "conflicts", "resolve", runId, "Thing/*", "--use", "target", "-q");
    assert.deepEqual([all.code, /Succeeded/.test(all.stdout)], [0, true]);
  });

  test("shows who decided, until the run goes by it", async (t) => {
    const { world, runId } = await inConflict(t);
    const words = ["conflicts", "resolve", runId, "Thing/b", "--use", "skip", "--no-wait"];
    assert.equal((await runIn(world, ...words)).code, 0);

    assert.match((await runIn(world, "conflicts")).stdout, /Thing\/b +spec\.order +1 +2 +skip \(alice\)/);
    const yaml = parse((await runIn(world, "conflicts", "-o", "yaml")).stdout) as ConflictList;
    assert.deepEqual(
      yaml.conflicts.map(({ use }) => use),
      [null, "skip", null],
    );
    assert.match((await runIn(world, "describe", "-o", "json")).stdout, /"key": "Thing\/b",\s+"use": "skip"/);
  });

  test("takes decisions from a reviewed file, and tells what was left open", async (t) => {
    const { world, runId } = await inConflict(t);
    const file = await review(world, (text) => text.replace("use: null", "use: source"));
    assert.match(readFileSync(file, "utf8"), /^# Set `use` of each conflict to source, target or skip/);

    const { code, stderr } = await runIn(world, "conflicts", "resolve", runId, "--file", file, "-q");

    assert.deepEqual([code, /decided: 1; 2 left open/.test(stderr)], [4, true]);
    assert.deepEqual(await keysOf(world), ["Thing/b", "Thing/c"]);
  });

  test("does not settle what has changed since the review", async (t) => {
    const { world, runId } = await inConflict(t);
    const file = await review(world, (text) =>
      text.replaceAll("use: null", "use: source").replace("seen: seen-a", "seen: seen-before"),
    );

    assert.equal((await runIn(world, "conflicts", "resolve", runId, "--file", file, "-q")).code, 4);

    assert.deepEqual(await keysOf(world), ["Thing/a"]);
  });

  const broken: [string, (text: string) => string, RegExp][] = [
    ["with a side that there is not", (text) => text.replace("use: null", "use: both"), /conflicts\.0\.use/],
    ["of another run", (text) => text.replace(/run: .*/, "run: other"), /of run "other"/],
    ["with a conflict twice", (text) => text.replace("key: Thing/b", "key: Thing/a"), /"Thing\/a" twice/],
    ["that is no YAML", () => "a: [", /cannot be used/],
    ["of something else", () => "kind: Run\n", /kind/],
  ];
  for (const [name, edit, text] of broken) {
    test(`refuses a file ${name}, and decides nothing`, async (t) => {
      const { world, runId } = await inConflict(t);
      const file = await review(world, edit);

      const { code, stderr } = await runIn(world, "conflicts", "resolve", runId, "--file", file);

      assert.deepEqual([code, /\(CONFLICTS_FILE_INVALID\)/.test(stderr)], [1, true]);
      assert.match(stderr, text);
      assert.equal((await keysOf(world)).length, 3);
    });
  }

  test("refuses a file that is not there, or in which nothing is decided; one that is written anew is taken", async (t) => {
    const { world, runId } = await inConflict(t);
    const resolve = (file: string) => runIn(world, "conflicts", "resolve", runId, "--file", file);

    const anew =
      /\(CONFLICTS_FILE_INVALID\)\nnext: .*`calico-migrator conflicts RUN --output yaml --store [^`]*`.* nothing but `use`/;
    assert.match((await resolve("none.yaml")).stderr, anew);
    const open = await resolve(await review(world, (text) => text));
    assert.match(open.stderr, /\(CONFLICTS_UNDECIDED\)\nnext: Set `use` to source, target or skip/);
    const decided = await review(world, (text) => text.replaceAll("use: null", "use: skip"));
    assert.equal((await resolve(decided)).code, 0);
  });

  test("refuses keys of no conflict, and decides nothing; takes those that are listed", async (t) => {
    const { world, runId } = await inConflict(t);
    const words = ["conflicts", "resolve", runId, "Thing/a", "Thing/x", "Other/*", "--use", "source"];

    const { stderr } = await runIn(world, ...words);

    assert.match(stderr, /no conflict Thing\/x, Other\/\*; nothing was decided \(CONFLICT_UNKNOWN\)/);
    assert.match(
      stderr,
      new RegExp(`next: List them with \`calico-migrator conflicts ${runId} --store [^\`]*\``),
    );
    const keys = await keysOf(world);
    assert.equal(keys.length, 3);
    const named = await runIn(world, "conflicts", "resolve", runId, ...keys, "--use", "source", "-q");
    assert.equal(named.code, 0, named.stderr);
  });

  test("without keys decides all that are listed, as the documents say", async (t) => {
    const { world, runId } = await inConflict(t);
    await runIn(world, "conflicts", "resolve", runId, "Thing/b", "--use", "skip", "--no-wait");

    const { code, stderr } = await runIn(world, "conflicts", "resolve", runId, "--use", "source", "-q");

    assert.deepEqual([code, /decided: 1\n/.test(stderr)], [0, true], stderr);
    const again = await runIn(world, "conflicts", "resolve", runId, "--use", "source");
    const undecided =
      /lists no conflicts; nothing was decided \(CONFLICTS_UNDECIDED\)\nnext: .*`calico-migrator describe /;
    assert.match(again.stderr, undecided);
    assert.match((await runIn(world, "describe", runId)).stdout, /Succeeded/);
  });

  test("of which no side can count is refused (CONFLICT_ONLY_SKIPPED), and left out with --use skip", async (t) => {
    const { world, runId } = await inConflict(t, ["c"]);
    const resolve = (...words: string[]) => runIn(world, "conflicts", "resolve", runId, ...words, "-q");

    const named = await resolve("Thing/a", "Thing/c", "--use", "source");
    assert.match(named.stderr, /Thing\/c no side can count \(it is being deleted\); nothing was decided/);
    assert.match(named.stderr, /\(CONFLICT_ONLY_SKIPPED\)\nnext: .* Or leave its resource out: `--use skip`/);
    const file = await review(world, (text) => text.replaceAll("use: null", "use: target"));
    assert.match((await resolve("--file", file)).stderr, /Thing\/c no side can count/);
    assert.equal((await keysOf(world)).length, 3);

    const all = await resolve("--use", "source");
    assert.deepEqual([all.code, /decided: 1; 1 left open/.test(all.stderr)], [4, true], all.stderr);
    assert.match((await resolve("Thing/*", "--use", "target")).stderr, /\(CONFLICT_ONLY_SKIPPED\)/);
    assert.equal((await resolve("Thing/c", "--use", "skip")).code, 0);
  });

  test("wants a side, or a file alone", async (t) => {
    const { world, runId } = await inConflict(t);
    const lines = [
      [],
      ["Thing/a"],
      ["--use", "source", "--file", "f"],
      ["Thing/a", "--use", "skip", "--file", "f"],
    ];
    for (const words of [...lines, ["Thing/a", "--use", "both"]]) {
      assert.equal((await runIn(world, "conflicts", "resolve", runId, ...words)).code, 2, words.join(" "));
    }
  });

  test("of a run that is undone is refused", async (t) => {
    const { world, runId } = await inConflict(t);
    await runIn(world, "abort", "--yes", "-q");

    const { stderr } = await runIn(world, "conflicts", "resolve", runId, "Thing/a", "--use", "source");

    assert.match(stderr, /\(NOTHING_TO_RESOLVE\)/);
  });
});

describe("conflicts with --aws", () => {
  test("are listed from the stack, and decided by a command that names what was seen", async (t) => {
    const world = fakeWorld(t, { conflicts: ["a", "b"] });
    const stack = withFakeStack(t, world);
    const secretArn = "arn:aws:secretsmanager:eu-central-1:1:secret:prod";
    await stack.clusters.add({ name: "prod", server: "https://prod.example.com:6443/", secretArn });
    assert.equal((await runOnAws(world, "start", "fake", "--cluster", "prod", "--yes", "-q")).code, 4);
    const list = JSON.parse((await runOnAws(world, "conflicts", "-o", "json")).stdout) as ConflictList;
    const { run: runId } = list;
    assert.equal(list.conflicts.length, 2);

    const { code, stderr } = await runOnAws(
      world,
      ...["conflicts", "resolve", runId, "Thing/a", "Thing/b", "--use", "source", "-q"],
    );

    assert.equal(code, 0, stderr);
    const resolutions = ["a", "b"].map((name) => ({
      key: `Thing/${name}`,
      use: "source",
      seen: `seen-${name}`,
    }));
    assert.deepEqual(stack.commands.at(-1), {
      type: "ResolveConflicts",
      data: { runId, by: "alice", resolutions },
    });
  });
});
