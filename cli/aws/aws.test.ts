import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { shownAlways } from "../../shared/engine/approvals.ts";
import { MIGRATIONS } from "../../shared/migrations/registry.ts";
import type { FakeOptions } from "../testing/fake-migration.ts";
import { type FakeStack, withFakeStack } from "../testing/fake-stack.ts";
import { type FakeWorld, fakeWorld, runOnAws } from "../testing/fake-world.ts";

interface RunDocument {
  metadata: { name: string };
  status: { state: string; waiting?: { reason: string } };
}

/** A world with a stack in which the cluster `prod` is registered. */
async function deployed(
  t: TestContext,
  options: FakeOptions = {},
): Promise<{ world: FakeWorld; stack: FakeStack }> {
  const world = fakeWorld(t, options);
  const stack = withFakeStack(t, world);
  const secretArn = "arn:aws:secretsmanager:eu-central-1:1:secret:prod";
  await stack.clusters.add({ name: "prod", server: "https://prod.example.com:6443/", secretArn });
  return { world, stack };
}

const UNLOCK = shownAlways("unlock", "").fingerprint;
const START = ["start", "fake", "--cluster", "prod", "-o", "json", "-q"];

describe("commands with --aws", () => {
  test("start sends a command, looks on to the end and exports the report", async (t) => {
    const { world, stack } = await deployed(t);
    const { code, stdout, stderr } = await runOnAws(world, "start", "fake", "--cluster", "prod", "--yes");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /run fake-[0-9a-f]{8} on prod: Succeeded/);
    assert.match(stdout, /report: .*\/\.local\/state\/calico-migrator\/reports\/fake-/);
    assert.match(stderr, /copy: done/);
    assert.deepEqual(
      stack.commands.map(({ type }) => type),
      ["StartRun"],
    );
    assert.equal(world.opened, 0);
  });

  test("restore takes along how long its lock may last, and what becomes of it then", async (t) => {
    const world = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
    const stack = withFakeStack(t, world);
    await stack.clusters.add({ name: "prod", server: "https://prod.example.com:6443/", secretArn: "arn" });
    const line = ["restore", "backup-1", "--side", "etcd", "--cluster", "prod", "--no-wait"];
    const lock = ["--max-lock", "90s", "--on-lock-budget", "rollback", "--on-lock-failure", "hold"];
    await runOnAws(world, ...line, ...lock);
    assert.deepEqual(
      stack.commands.map(({ data }) => "options" in data && data.options),
      [
        {
          ...{ from: "backup-1", side: "etcd" },
          ...{ maxLockMs: 90_000, onLockBudget: "rollback", onLockFailure: "hold" },
        },
      ],
    );
  });

  test("start needs a registered cluster, by its name alone", async (t) => {
    const { world, stack } = await deployed(t);
    const none = await runOnAws(world, "start", "fake");
    assert.deepEqual([none.code, /--cluster is missing/.test(none.stderr)], [2, true]);
    const unknown = await runOnAws(world, "start", "fake", "--cluster", "other");
    assert.match(unknown.stderr, /\(CLUSTER_NOT_FOUND\)\nnext: .*clusters add/);
    const way = await runOnAws(world, "start", "fake", "--cluster", "prod", "--kubeconfig", world.kubeconfig);
    assert.deepEqual([way.code, /registered cluster/.test(way.stderr)], [2, true]);
    assert.deepEqual(stack.commands, []);
  });

  test("what cannot be done is told at once, and nothing is sent", async (t) => {
    const { world, stack } = await deployed(t);
    const stage = await runOnAws(world, "start", "fake", "--cluster", "prod", "--stop-before", "nowhere");
    assert.match(stage.stderr, /\(STAGE_UNKNOWN\)/);
    await runOnAws(world, ...START, "--yes");
    const late = await runOnAws(world, "abort", "--yes", (await newest(world)).metadata.name);
    assert.match(late.stderr, /\(ABORT_TOO_LATE\)/);
    const nothing = await runOnAws(world, "approve", (await newest(world)).metadata.name);
    assert.match(nothing.stderr, /\(NOTHING_TO_APPROVE\)/);
    assert.equal(stack.commands.length, 1);
  });

  test("approve names what it approves, and goes on to the end", async (t) => {
    const { world, stack } = await deployed(t);
    assert.equal((await runOnAws(world, ...START)).code, 4);
    const approved = await runOnAws(world, "approve", "-q");
    assert.equal(approved.code, 0, approved.stderr);
    const { type, data } = stack.commands.at(-1) ?? {};
    assert.deepEqual(
      [type, { ...data, runId: "" }],
      ["ApproveRun", { runId: "", by: "alice", subject: "unlock", fingerprint: UNLOCK }],
    );
  });

  test("resume waits until a failed run has taken it, and tells the new failure", async (t) => {
    const mended = join(fakeWorld(t).folder, "mended");
    const { world } = await deployed(t, { brokenUntil: mended });
    assert.equal((await runOnAws(world, ...START, "--yes")).code, 1);
    assert.match((await runOnAws(world, "resume", "-q")).stderr, /\(FAKE_BROKEN\)/);
    writeFileSync(mended, "");
    assert.equal((await runOnAws(world, "resume", "-q")).code, 0);
  });

  test("resume sends what is left out, and what cannot be is refused before anything is sent", async (t) => {
    const { world, stack } = await deployed(t, { leavesOut: true });
    await runOnAws(world, ...START, "--stop-before", "copy");
    const sent = stack.commands.length;
    const refused = await runOnAws(world, "resume", "--skip", "thing/a", "-q");
    assert.match(refused.stderr, /"thing\/a": no name of an object, such as Thing\/a \(SKIP_UNKNOWN\)/);
    assert.equal(stack.commands.length, sent);
    await runOnAws(world, "resume", "--skip", "Thing/a", "--skip", "Thing/b", "-q");
    const { type, data } = stack.commands.at(-1) ?? {};
    assert.deepEqual([type, data], ["ResumeRun", { ...data, skip: ["Thing/a", "Thing/b"] }]);
    const { runId = "" } = data ?? {};
    const control = await stack.store.getControl(runId);
    assert.deepEqual(
      control?.leftOut?.map(({ object }) => object),
      ["Thing/a", "Thing/b"],
    );
  });

  test("pause, abort and rollback are sent, and end as they do in a store", async (t) => {
    const { world, stack } = await deployed(t);
    await runOnAws(world, ...START, "--stop-before", "lock");
    assert.equal((await runOnAws(world, "abort", "--yes", "-q")).code, 0);
    assert.equal((await newest(world)).status.state, "Aborted");
    await runOnAws(world, ...START, "--yes");
    const undone = await runOnAws(world, "rollback", "--yes", "-q", (await newest(world)).metadata.name);
    assert.deepEqual([undone.code, (await newest(world)).status.state], [0, "RolledBack"]);
    await runOnAws(world, ...START, "--no-wait", "--stop-before", "lock");
    assert.equal((await runOnAws(world, "pause", (await newest(world)).metadata.name)).code, 0);
    assert.equal(stack.commands.at(-1)?.type, "PauseRun");
  });

  test("a command that nobody takes is told, with where to look", async (t) => {
    const { world, stack } = await deployed(t);
    stack.takes = false;
    let now = 0;
    world.clock = { now: () => now, sleep: (ms) => Promise.resolve(void (now += ms)) };
    const { code, stderr } = await runOnAws(world, ...START.slice(0, 4));
    assert.equal(code, 1);
    assert.match(
      stderr,
      /not taken within 60 s \(COMMAND_NOT_TAKEN\)\nnext: Look at the log of the function `run`/,
    );
  });

  test("Ctrl-C ends looking on, and leaves the run to AWS", async (t) => {
    const { world } = await deployed(t, { batches: 200, batchMs: 20 });
    const started = runOnAws(world, "start", "fake", "--cluster", "prod", "--yes");
    while (!world.stderr.text.includes("copy:")) await new Promise((resolve) => setTimeout(resolve, 20));
    world.interrupt();
    const { code, stderr } = await started;
    assert.equal(code, 130);
    assert.match(stderr, /no longer looking on; the run goes on/);
    assert.match(stderr, /next: calico-migrator watch fake-[0-9a-f]{8} --aws/);
  });

  test("get, describe and watch read the stack", async (t) => {
    const { world, stack } = await deployed(t);
    await runOnAws(world, ...START, "--yes");
    const { metadata } = await newest(world);
    assert.match((await runOnAws(world, "get", metadata.name)).stdout, /Succeeded/);
    assert.match((await runOnAws(world, "describe", metadata.name)).stdout, /report\.json/);
    assert.equal((await runOnAws(world, "watch", metadata.name, "-q")).code, 0);
    assert.deepEqual(stack.targets[0], { kind: "aws", stack: "CalicoMigrator" });
  });

  test("backup of a cluster is a run as well", async (t) => {
    const { world, stack } = await deployed(t);
    const { stderr } = await runOnAws(world, "backup", "--cluster", "prod");
    assert.match(
      stderr,
      /\(MIGRATION_UNKNOWN\)/,
      "the world has no such migration, and the engine was asked",
    );
    assert.deepEqual(stack.commands, []);
  });

  test("what reaches the cluster from here is refused, and says how it works", async (t) => {
    const { world, stack } = await deployed(t);
    for (const line of [["preflight", "fake"], ["verify"], ["diff"]]) {
      const { code, stderr } = await runOnAws(world, ...line);
      assert.deepEqual(
        [code, /\(NOT_ON_AWS\)\nnext: Run it without --aws/.test(stderr)],
        [2, true],
        line.join(" "),
      );
    }
    assert.deepEqual(stack.targets, []);
  });

  test("a profile in the configuration stands for --aws", async (t) => {
    const { world, stack } = await deployed(t);
    const folder = join(world.folder, ".config", "calico-migrator");
    mkdirSync(folder, { recursive: true });
    const profile = { aws: { stack: "Mine", region: "eu-west-1", profile: "ops" } };
    writeFileSync(
      join(folder, "config.yaml"),
      JSON.stringify({ currentProfile: "prod", profiles: { prod: profile } }),
    );
    const { run } = await import("../program.ts");
    assert.equal(await run(["get"], world), 0);
    assert.deepEqual(stack.targets, [
      { kind: "aws", stack: "Mine", region: "eu-west-1", credentialsProfile: "ops" },
    ]);
  });
});

async function newest(world: FakeWorld): Promise<RunDocument> {
  const { stdout } = await runOnAws(world, "get", "-o", "json");
  const [first] = (JSON.parse(stdout) as { items: RunDocument[] }).items;
  assert.ok(first);
  return first;
}
