import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { run } from "./program.ts";
import { fakeWorld, runIn } from "./testing/fake-world.ts";

const VERBS =
  "plan preflight start get describe watch pause resume approve abort rollback abandon verify diff backup restore clusters manifests completion version";

describe("the program", () => {
  test("has every command, and shows examples first", async (t) => {
    const world = fakeWorld(t);
    assert.equal(await run(["--help"], world), 0);
    assert.match(world.stdout.text, /^Examples:/);
    for (const verb of VERBS.split(" ")) assert.match(world.stdout.text, new RegExp(`^  ${verb} `, "m"));
  });

  test("answers 2 to a command line that it does not understand, and says what may be meant", async (t) => {
    const cases: [string[], RegExp][] = [
      [["strat"], /unknown command 'strat' \(Did you mean start\?\) \(USAGE\)/],
      [["get", "--stroe", "x"], /unknown option '--stroe' \(Did you mean --store\?\) \(USAGE\)/],
      [["get", "-o", "xml"], /'xml' is invalid\. Allowed choices are text, wide, json, yaml, name/],
      [["plan"], /missing required argument 'migration'/],
      [["start", "fake", "--concurrency", "0"], /whole number from 1 to 1000/],
      [["start", "fake", "--quiet-time", "soon"], /number of seconds/],
      [["restore", "run"], /required option '--side <side>' not specified/],
      [["get", "a", "b"], /too many arguments/],
    ];
    for (const [words, text] of cases) {
      const world = fakeWorld(t);
      assert.equal(await run(words, world), 2, words.join(" "));
      assert.match(world.stderr.text, text);
      assert.match(world.stderr.text, /\nnext: See `calico-migrator --help`/);
      assert.equal(world.stdout.text, "");
    }
  });

  test("without a command shows the help on standard error, with exit code 2", async (t) => {
    const world = fakeWorld(t);
    assert.equal(await run([], world), 2);
    assert.match(world.stderr.text, /Usage: calico-migrator/);
    assert.equal(world.stdout.text, "");
  });

  test("tells failures as JSON with -o json, wherever it stands", async (t) => {
    for (const words of [
      ["get", "-o", "json"],
      ["get", "--output=json"],
      ["strat", "-ojson"],
    ]) {
      const { stderr } = await runIn(fakeWorld(t), ...words);
      const { error } = JSON.parse(stderr) as { error: { code: string; next: string } };
      assert.match(error.code, /^(STORE_NOT_FOUND|USAGE)$/);
      assert.notEqual(error.next, "");
    }
  });

  test("shows the stack of an unexpected error only with -v", async (t) => {
    const world = fakeWorld(t);
    Object.assign(world, { openCluster: () => Promise.reject(new TypeError("a defect")) });
    const line = ["start", "fake", "--kubeconfig", world.kubeconfig];
    const quiet = await runIn(world, ...line);
    assert.deepEqual([quiet.code, quiet.stderr.split("\n")[0]], [1, "error: a defect (INTERNAL)"]);
    assert.doesNotMatch(quiet.stderr, /at /);
    assert.match((await runIn(world, ...line, "-v")).stderr, /TypeError: a defect\n +at /);
  });

  test("says its version", async (t) => {
    const world = fakeWorld(t);
    assert.equal(await run(["--version"], world), 0);
    assert.equal(world.stdout.text, "1.2.3\n");
    assert.match((await runIn(world, "version", "-o", "json")).stdout, /"version": "1\.2\.3"/);
    assert.match((await runIn(world, "version", "-o", "wide")).stdout, /node 24.*\nmigrations: fake/);
  });
});
