import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test, type TestContext } from "node:test";
import { MigratorError } from "../shared/errors.ts";
import { Engine } from "../shared/engine/engine.ts";
import { MIGRATIONS } from "../shared/migrations/registry.ts";
import { withFakeStack } from "./testing/fake-stack.ts";
import { type Answer, type FakeWorld, fakeWorld, runIn, runOnAws } from "./testing/fake-world.ts";

const START = ["start", "fake", "-q"] as const;

/** Starts the fake migration, which then waits, and gives the run's id. */
async function waitingRun(world: FakeWorld, ...words: readonly string[]): Promise<string> {
  const line = [...START, "--kubeconfig", world.kubeconfig, "--stop-before", "lock", "-o", "name"];
  const { stdout } = await runIn(world, ...line, ...words);
  return stdout.trim().replace(/^run\//, "");
}

/** Fails unless a command was refused with this code and advice. */
function assertRefused({ code, stderr }: Answer, wanted: string, next: RegExp): void {
  assert.notEqual(code, 0, stderr);
  assert.ok(stderr.includes(`(${wanted})\nnext: `), stderr);
  assert.match(stderr.slice(stderr.indexOf("next: ")), next);
}

/** A world with a run that waits, and a copy of its store from then. */
async function copied(t: TestContext): Promise<{ world: FakeWorld; runId: string; copy: FakeWorld }> {
  const world = fakeWorld(t);
  const runId = await waitingRun(world);
  const copy = join(world.folder, "copy.db");
  copyFileSync(world.store, copy);
  return { world, runId, copy: { ...world, store: copy } };
}

describe("a name that is wrong", () => {
  test("a run that there is not (RUN_NOT_FOUND): `get` lists those that there are, and --store names another file", async (t) => {
    const world = fakeWorld(t);
    const runId = await waitingRun(world);
    assertRefused(
      await runIn(world, "describe", "fake-00000000"),
      "RUN_NOT_FOUND",
      /`calico-migrator get --store [^`]*`; name the store with --store/,
    );
    assert.match((await runIn(world, "get")).stdout, new RegExp(runId));
    assert.equal((await runIn(world, "describe", runId)).code, 0);
    const other = fakeWorld(t);
    await waitingRun(other);
    assertRefused(await runIn(other, "describe", runId), "RUN_NOT_FOUND", /--store/);
    assert.equal((await runIn({ ...other, store: world.store }, "describe", runId)).code, 0);
  });

  test("no run that fits (RUN_NONE_FITS): `get` lists all, and one of them can be named", async (t) => {
    const world = fakeWorld(t);
    await runIn(world, ...START, "--kubeconfig", world.kubeconfig, "--yes");
    assertRefused(await runIn(world, "resume", "-q"), "RUN_NONE_FITS", /`calico-migrator get --store [^`]*`/);
    const [, runId = ""] = /(fake-[0-9a-f]{8})/.exec((await runIn(world, "get")).stdout) ?? [];
    assert.match((await runIn(world, "describe", runId)).stdout, /Succeeded/);
  });

  test("several runs that fit (RUN_AMBIGUOUS): the one that is named goes on", async (t) => {
    const world = fakeWorld(t);
    const runId = await waitingRun(world);
    await waitingRun(world, "--cluster", "other");
    assertRefused(await runIn(world, "approve", "-q"), "RUN_AMBIGUOUS", /^next: Name the run\./);
    assert.doesNotMatch((await runIn(world, "approve", runId, "-q")).stderr, /RUN_AMBIGUOUS/);
  });

  test("a migration that there is not (MIGRATION_UNKNOWN): each that is named is taken", async (t) => {
    const world = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
    const refused = await runIn(world, "start", "etcd");
    const [, names = ""] = /next: Use one of: (.*)\./.exec(refused.stderr) ?? [];
    assert.equal(names, "etcd-to-kubernetes, apiserver-to-crds");
    for (const name of names.split(", ")) {
      const { stderr } = await runIn(world, "start", name, "--kubeconfig", "nowhere");
      assert.doesNotMatch(stderr, /MIGRATION_UNKNOWN/);
    }
  });

  test("what has a command of its own (USAGE) is asked for by that", async (t) => {
    const world = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
    for (const command of ["start", "plan"])
      for (const name of ["backup", "restore"]) {
        const refused = await runIn(world, command, name, "--kubeconfig", world.kubeconfig);
        assertRefused(
          refused,
          "USAGE",
          new RegExp(`Use \`calico-migrator ${name} [^\`]*\`: see its --help\\.`),
        );
        assert.match(
          (await runIn(world, name, "--help")).stdout,
          new RegExp(`Usage: calico-migrator ${name} `),
        );
      }
  });

  test("an item of a list (USAGE) is told by itself, with what is right", async (t) => {
    const world = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
    const line = ["apiserver-to-crds", "--kubeconfig", "nowhere"];
    for (const command of ["start", "plan"]) {
      const skipping = (...names: string[]) => runIn(world, command, ...line, "--skip", ...names);
      const refused = await skipping("Tier/security", "networkset/shop/partners");
      assertRefused(refused, "USAGE", /--help/);
      const [, right = ""] =
        /--skip: "networkset\/shop\/partners" .* such as (\S+) or/.exec(refused.stderr) ?? [];
      assert.doesNotMatch((await skipping("Tier/security", right)).stderr, /USAGE|INTERNAL/);
    }
  });
});

describe("what cannot be done with a run", () => {
  test("of a backup (NOT_COMPARABLE) can with one of a migration", async (t) => {
    const world = fakeWorld(t, { backups: true });
    const fake = async function* (): AsyncGenerator<never, void> {
      // Both sides mean the same.
    };
    Object.assign(world.comparisons, { fake });
    const runId = await waitingRun(world);
    await runIn(world, "backup", "--kubeconfig", world.kubeconfig, "--cluster", "other", "-q");
    const [, backup = ""] = /(backup-[0-9a-f]{8})/.exec((await runIn(world, "get")).stdout) ?? [];
    for (const command of ["verify", "diff"]) {
      assertRefused(
        await runIn(world, command, backup),
        "NOT_COMPARABLE",
        /^next: Name a run of a migration\./,
      );
      assert.equal((await runIn(world, command, runId)).code, 0);
    }
  });

  test("in the time that is given (WATCH_TIMEOUT) shows how it stands with `get`", async (t) => {
    const world = fakeWorld(t);
    const runId = await waitingRun(world);
    const looked = await runIn(world, "watch", runId, "--timeout", "0", "-q");
    assertRefused(looked, "WATCH_TIMEOUT", new RegExp(`\`calico-migrator get ${runId} --store [^\`]*\``));
    assert.match((await runIn(world, "get", runId)).stdout, /Waiting\(Approval\)/);
  });

  test("for there is no store (STORE_NOT_FOUND) can in one that is named, or that a start has made", async (t) => {
    const [world, other] = [fakeWorld(t), fakeWorld(t)];
    assertRefused(
      await runIn(world, "get"),
      "STORE_NOT_FOUND",
      /with --store, or start a run: that creates it/,
    );
    await waitingRun(other);
    assert.equal((await runIn({ ...world, store: other.store }, "get")).code, 0);
    const runId = await waitingRun(world);
    assert.match((await runIn(world, "get")).stdout, new RegExp(runId));
  });

  test("on AWS (NOT_ON_AWS) can from where the cluster is reached, and start checks the same first", async (t) => {
    const world = fakeWorld(t);
    const stack = withFakeStack(t, world);
    await stack.clusters.add({ name: "prod", server: "https://prod.example.com:6443/", secretArn: "arn" });
    const next = /without --aws, with --kubeconfig FILE, .* on AWS, `start` runs the same checks first/;
    assertRefused(await runOnAws(world, "preflight", "fake"), "NOT_ON_AWS", next);
    assert.match(
      (await runIn(world, "preflight", "fake", "--kubeconfig", world.kubeconfig)).stdout,
      /pass +fake-check/,
    );
    const started = await runOnAws(world, "start", "fake", "--cluster", "prod", "--stop-before", "lock");
    assert.match(started.stderr, /preflight: done/);
  });

  test("for a plan was interrupted (INTERRUPTED) can once more, and nothing was changed", async (t) => {
    const world = fakeWorld(t, {
      unreachable: () => {
        world.interrupt();
      },
    });
    const plan = () => runIn(world, "plan", "fake", "--kubeconfig", world.kubeconfig, "-q");
    assertRefused(await plan(), "INTERRUPTED", /^next: Run the command again; nothing was changed\./);
    Object.assign(world, { migrations: fakeWorld(t).migrations });
    assert.equal((await plan()).code, 0);
    assert.equal((await runIn(world, "get", "-o", "name")).stdout, "");
  });
});

describe("options that a migration does not take (OPTIONS_INVALID)", () => {
  const cases: [name: string, options: object, flag: RegExp][] = [
    ["etcd-to-kubernetes", { targetGroup: "v2" }, /--target-group <group>/],
    ["apiserver-to-crds", { gitops: "stop" }, /--gitops <mode>/],
    ["restore", { from: "backup-1", side: "both" }, /--side <side>/],
    ["backup", { side: "etcd" }, /Usage: calico-migrator backup/],
  ];
  for (const [migration, options, flag] of cases)
    test(`of ${migration} are in the help that is named`, async (t) => {
      const engine = new Engine({} as never, {} as never, MIGRATIONS);
      const started = engine.start({ migration, cluster: "a", options, approvals: [] });
      const error = await started.catch((thrown: unknown) => thrown);
      assert.ok(error instanceof MigratorError && error.code === "OPTIONS_INVALID", String(error));
      const [, words = ""] = /`calico-migrator (.*)`/.exec(error.next) ?? [];
      const world = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
      const help = await runIn(world, ...words.split(" "));
      assert.equal(help.code, 0);
      assert.match(help.stdout, flag);
    });
});

describe("a store that cannot be used", () => {
  test("for it is of another version (STORE_VERSION): that goes on with it, and another file serves", async (t) => {
    const { world, runId, copy } = await copied(t);
    setVersion(world.store, 99);
    const next = /the version of calico-migrator that wrote it, or name another file with --store/;
    assertRefused(await runIn(world, "describe", runId), "STORE_VERSION", next);
    assert.equal((await runIn(copy, "describe", runId)).code, 0);
    setVersion(world.store, 1);
    assert.equal((await runIn(world, "describe", runId)).code, 0);
  });

  test("for it is none (STORE_NOT_OURS): another file serves, and that one is left as it is", async (t) => {
    const { world, runId, copy } = await copied(t);
    writeFileSync(world.store, "just some text. ".repeat(1000));
    assertRefused(await runIn(world, "describe", runId), "STORE_NOT_OURS", /another file with --store/);
    assert.equal((await runIn(copy, "describe", runId)).code, 0);
    assert.match(readFileSync(world.store, "utf8"), /^just some text/);
  });

  test("for it is damaged (STORE_CORRUPT): a copy from before goes on with the run", async (t) => {
    const { world, runId, copy } = await copied(t);
    writeFileSync(world.store, readFileSync(world.store).fill(0xff, 100, 4096));
    const next =
      /keep the file, and go on with a copy of the store from before the damage, with --store-moved/;
    assertRefused(await runIn(world, "resume", runId, "-q"), "STORE_CORRUPT", next);
    await runIn(copy, "approve", runId, "-q", "--store-moved");
    assert.match((await runIn(copy, "approve", runId, "-q")).stdout, /Succeeded/);
  });
});

function setVersion(path: string, version: number): void {
  const sqlite = new DatabaseSync(path);
  sqlite.exec(`PRAGMA user_version = ${version}`);
  sqlite.close();
}
