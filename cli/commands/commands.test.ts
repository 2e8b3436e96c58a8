import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { ManualClock } from "../../shared/engine/testing/manual-clock.ts";
import { fakeMigration, type FakeOptions } from "../testing/fake-migration.ts";
import { type FakeWorld, fakeWorld, runIn, runLine, writeKubeconfig } from "../testing/fake-world.ts";

interface RunDocument {
  metadata: { name: string };
  spec: { cluster: string; approvals?: { subject: string; by: string }[] };
  status: { state: string; waiting?: { reason: string; subject?: string }; stages: { name: string }[] };
}

/** Starts the fake migration and gives its exit code and the run as JSON. */
async function start(
  world: FakeWorld,
  ...words: readonly string[]
): Promise<{ code: number; run: RunDocument }> {
  const line = ["start", "fake", "--kubeconfig", world.kubeconfig, "-o", "json", "-q", ...words];
  const { code, stdout, stderr } = await runIn(world, ...line);
  assert.ok(stdout !== "", stderr);
  return { code, run: JSON.parse(stdout) as RunDocument };
}

function approvalsOf(run: RunDocument): string[] | undefined {
  return run.spec.approvals?.map(({ subject, by }) => `${subject} by ${by}`).sort();
}

function stoppedWorld(
  test: TestContext,
  options: FakeOptions = {},
): Promise<{ world: FakeWorld; runId: string }> {
  const world = fakeWorld(test, options);
  return start(world, "--stop-before", "lock").then(({ run }) => ({ world, runId: run.metadata.name }));
}

describe("start", () => {
  test("goes to the end with --yes, exports the report beside the store and says what moved", async (t) => {
    const world = fakeWorld(t);
    const { code, stdout } = await runIn(
      world,
      "start",
      "fake",
      "--kubeconfig",
      world.kubeconfig,
      "--yes",
      "-q",
    );
    assert.equal(code, 0);
    assert.match(stdout, /run fake-[0-9a-f]{8} on prod: Succeeded/);
    assert.match(stdout, /Thing +30/);
    assert.match(stdout, /datastore locked: 1\.5 s/);
    const file = /report: (.*)/.exec(stdout)?.[1] ?? "";
    assert.equal((JSON.parse(readFileSync(file, "utf8")) as { moved: { total: number } }).moved.total, 30);
    assert.ok(file.startsWith(join(world.folder, "reports")));
  });

  test("names the cluster after the context, unless told otherwise", async (t) => {
    const world = fakeWorld(t);
    assert.equal((await start(world, "--yes")).run.spec.cluster, "prod");
    assert.equal((await start(world, "--yes", "--cluster", "mine")).run.spec.cluster, "mine");
  });

  test("waits at the point of no return without a terminal, with exit code 4 and the next command", async (t) => {
    const world = fakeWorld(t);
    const { code, stderr } = await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "-q");
    assert.equal(code, 4);
    assert.match(stderr, /next: calico-migrator approve fake-[0-9a-f]{8} unlock --store/);
  });

  test("stops before the stage it is told to, even with --yes", async (t) => {
    const { code, run } = await start(fakeWorld(t), "--yes", "--stop-before", "unlock");
    assert.equal(code, 4);
    assert.deepEqual([run.status.state, run.status.waiting?.subject], ["Waiting", "unlock"]);
  });

  test("records who approved, and approves neither losses nor what cannot be undone with --yes", async (t) => {
    const plain = await start(fakeWorld(t, { consents: true, erases: true }), "--yes");
    assert.deepEqual(approvalsOf(plain.run), ["unlock by alice"]);
    assert.deepEqual([plain.code, plain.run.status.waiting?.subject], [4, "uncarried"]);
  });

  test("--yes=STAGE approves by name what cannot be undone, whatever word follows", async (t) => {
    const world = fakeWorld(t, { erases: true });
    const waiting = await start(world, "--yes");
    assert.deepEqual([waiting.code, waiting.run.status.waiting?.subject], [4, "erase"]);
    assert.equal((await runIn(world, "approve", "--yes", waiting.run.metadata.name, "-q")).code, 0);
    const { code, run } = await start(fakeWorld(t, { erases: true }), "--yes=erase");
    assert.deepEqual([code, approvalsOf(run)], [0, ["erase by alice", "unlock by alice"]]);
    const resumed = fakeWorld(t, { erases: true });
    await start(resumed, "--yes", "--stop-before", "copy");
    assert.equal((await runIn(resumed, "approve", "--yes=erase", "-q")).code, 0);
  });

  test("a failure names the way back only as long as there is one", async (t) => {
    const backOf = async (options: FakeOptions, ...words: string[]): Promise<boolean> => {
      const world = fakeWorld(t, options);
      const line = ["start", "fake", "--kubeconfig", world.kubeconfig, "-q", ...words];
      const { stderr } = await runIn(world, ...line);
      assert.match(stderr, /go on: +.*resume fake-/);
      return /go back: +.*rollback fake-/.test(stderr);
    };
    const before = { brokenUntil: "/nowhere/mended" };
    assert.equal(await backOf(before, "--yes"), true);
    assert.equal(await backOf({ erases: true, failsErasing: true }, "--yes=erase"), false);
  });

  for (const command of ["resume", "approve"])
    test(`--yes of ${command} approves the points of no return, but not the stage to stop before`, async (t) => {
      const world = fakeWorld(t);
      await start(world, "--stop-before", "lock");
      if (command === "resume") await runIn(world, "approve", "--no-wait");
      const { code, stdout } = await runIn(world, command, "--yes", "-q", "-o", "json");
      assert.equal(code, 0);
      assert.deepEqual(approvalsOf(JSON.parse(stdout) as RunDocument), ["lock by alice", "unlock by alice"]);
      const stopping = fakeWorld(t, { consents: true });
      const { run } = await start(stopping, "--stop-before", "unlock");
      assert.equal((await runIn(stopping, command, "--yes", "-q")).code, 4);
      const got = await runIn(stopping, "get", run.metadata.name, "-o", "json");
      const approvals = approvalsOf(JSON.parse(got.stdout) as RunDocument) ?? [];
      assert.ok(!approvals.includes("unlock by alice"), approvals.join());
    });

  test("--yes=STAGE is refused for what is no such stage, and where nothing is irreversible", async (t) => {
    const world = fakeWorld(t);
    const line = ["start", "fake", "--kubeconfig", world.kubeconfig];
    const unknown = await runIn(world, ...line, "--yes=cleanpu");
    assert.match(unknown.stderr, /"cleanpu" \(SUBJECT_UNKNOWN\)\nnext: Use one of: .*unlock/);
    assert.equal(unknown.code, 2);
    const back = await runIn(world, "rollback", "--yes=unlock");
    assert.match(back.stderr, /unknown option '--yes=STAGE' \(USAGE\)/);
  });

  test("approves a loss in advance only as a plan has shown it", async (t) => {
    const world = fakeWorld(t, { consents: true });
    const plan = await runIn(world, "plan", "fake", "--kubeconfig", world.kubeconfig, "-q");
    const shown = /uncarried@([0-9a-f]{12}) +lock +2 are lost: a, b/.exec(plan.stdout)?.[1] ?? "";
    assert.notEqual(shown, "", plan.stdout);
    const line = ["start", "fake", "--kubeconfig", world.kubeconfig, "-q", "--yes"];
    const bare = await runIn(world, ...line, "--approve-uncarried");
    assert.deepEqual([bare.code, /--approve-uncarried FINGERPRINT/.test(bare.stderr)], [2, true]);
    const unseen = await runIn(world, ...line, "--approve", "uncarried");
    assert.match(unseen.stderr, /\(APPROVAL_UNSEEN\)\nnext: .*uncarried@FINGERPRINT/);
    assert.equal((await runIn(world, ...line, "--approve", "uncarried@0123456789ab")).code, 4);
    const other = fakeWorld(t, { consents: true });
    assert.equal((await start(other, "--yes", "--approve-uncarried", shown)).code, 0);
    const third = fakeWorld(t, { consents: true });
    assert.equal((await start(third, "--yes", "--approve", `uncarried@${shown}`)).code, 0);
  });

  test("what to approve is named with its fingerprint, and another one is refused", async (t) => {
    const world = fakeWorld(t, { consents: true });
    const line = ["start", "fake", "--kubeconfig", world.kubeconfig, "-q", "--yes"];
    const { stderr } = await runIn(world, ...line);
    const [, runId = "", approval = ""] = /next: calico-migrator approve (\S+) (\S+)/.exec(stderr) ?? [];
    const stale = await runIn(world, "approve", runId, "uncarried@0123456789ab");
    assert.match(stale.stderr, new RegExp(`\\(APPROVAL_STALE\\)\nnext: .*approve ${runId} ${approval}`));
    const approved = await runIn(world, "approve", runId, approval, "-q");
    assert.deepEqual(
      [approved.code, /approved: uncarried: 2 are lost: a, b/.test(approved.stderr)],
      [0, true],
    );
  });

  test("asks on a terminal at the point of no return, and goes on after a yes", async (t) => {
    const world = fakeWorld(t);
    world.stdin.isTTY = world.stderr.isTTY = true;
    const answered = runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "-q");
    await untilText(world, /Approve "unlock" and go on\? \[y\/N\]/);
    world.stdin.write("y\n");
    assert.equal((await answered).code, 0);
  });

  test("leaves the run waiting after any other answer", async (t) => {
    const world = fakeWorld(t);
    world.stdin.isTTY = world.stderr.isTTY = true;
    const answered = runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "-q");
    await untilText(world, /go on\?/);
    world.stdin.write("\n");
    assert.equal((await answered).code, 4);
  });

  test("Ctrl-C at the question is no answer: the run is left waiting, with exit code 130", async (t) => {
    const world = fakeWorld(t);
    world.stdin.isTTY = world.stderr.isTTY = true;
    const asked = runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "-q");
    await untilText(world, /go on\?/);
    world.stdin.write("y\u0003");
    const { code, stderr } = await asked;
    assert.deepEqual([code, /next: calico-migrator approve/.test(stderr)], [130, true]);
  });

  test("an open question goes away when somebody else approves", async (t) => {
    const world = fakeWorld(t);
    world.stdin.isTTY = world.stderr.isTTY = true;
    const answered = runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "-q");
    await untilText(world, /go on\?/);
    const approval = await runIn(world, "approve", "--no-wait");
    assert.equal(approval.code, 0);
    assert.equal((await answered).code, 0);
  });

  test("with --no-wait leaves the work to another process", async (t) => {
    const world = fakeWorld(t);
    const { code, stdout, stderr } = await runIn(
      world,
      ...["start", "fake", "--kubeconfig", world.kubeconfig, "--no-wait"],
    );
    assert.equal(code, 0);
    assert.match(stderr, /next: calico-migrator resume fake-/);
    const { stdout: state } = await runIn(world, "get", stdout.trim(), "-o", "json");
    assert.equal((JSON.parse(state) as RunDocument).status.state, "Pending");
  });

  test("refuses a cluster that another run has changed, and records nothing", async (t) => {
    const { world, runId } = await stoppedWorld(t);
    const { code, stderr } = await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig);
    assert.equal(code, 1);
    assert.match(stderr, /\(CLUSTER_BUSY\)/);
    assert.equal((await runIn(world, "get", "-o", "name")).stdout, `${runId}\n`);
  });

  test("refuses a name that stands for another API server, until one of the two is given up", async (t) => {
    const world = fakeWorld(t);
    await start(world, "--yes");
    const other = writeKubeconfig(world.folder, "prod", "https://other.example.com");
    const { code, stderr } = await runIn(world, "start", "fake", "--kubeconfig", other, "--yes");
    assert.equal(code, 1);
    assert.match(
      stderr,
      /\(CLUSTER_DIFFERS\)\nnext: .*--cluster NAME, or remove .*clusters remove --store [^`]*`/,
    );
    const line = ["start", "fake", "--kubeconfig", other, "--yes", "-q"];
    assert.equal((await runIn(world, ...line, "--cluster", "another")).code, 0);
    assert.equal((await runIn(world, "clusters", "remove", "prod")).code, 0);
    assert.equal((await runIn(world, ...line)).code, 0);
  });

  test("knows a registered cluster by its name alone", async (t) => {
    const world = fakeWorld(t);
    await start(world, "--yes", "--cluster", "mine");
    const { code } = await runIn(world, "start", "fake", "--cluster", "mine", "--yes", "-q");
    assert.equal(code, 0);
  });

  test("answers 2 for what it does not know, and touches no cluster", async (t) => {
    const world = fakeWorld(t);
    const unknown = await runIn(world, "start", "nonsense", "--kubeconfig", world.kubeconfig);
    assert.deepEqual([unknown.code, /MIGRATION_UNKNOWN/.test(unknown.stderr)], [2, true]);
    assert.equal(world.opened, 0);
    const stage = ["--kubeconfig", world.kubeconfig, "--stop-before", "nowhere"];
    const wrongStage = await runIn(world, "start", "fake", ...stage);
    assert.deepEqual([wrongStage.code, /STAGE_UNKNOWN/.test(wrongStage.stderr)], [2, true]);
    assert.equal((await runIn(world, "get", "-o", "name")).stdout, "");
  });

  test("answers 3 when the preflight fails", async (t) => {
    const { code } = await start(fakeWorld(t, { failing: "blocking" }));
    assert.equal(code, 3);
  });
});

describe("a run that fails", () => {
  test("says why and how to go on, and resume goes on once it is mended", async (t) => {
    const mended = join(fakeWorld(t).folder, "mended");
    const world = fakeWorld(t, { brokenUntil: mended });
    const failed = await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "--yes", "-q");
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /^error: it is broken \(FAKE_BROKEN\)\nnext: Mend it/);
    assert.match(failed.stderr, /calico-migrator resume fake-.*--store/);
    assert.match(failed.stderr, /calico-migrator rollback fake-/);
    assert.equal((await runIn(world, "resume", "-q")).code, 1);
    writeFileSync(mended, "");
    assert.equal((await runIn(world, "resume", "-q")).code, 0);
  });

  test("is told as one JSON object with -o json", async (t) => {
    const world = fakeWorld(t, { brokenUntil: "/nonexistent/file" });
    const line = ["start", "fake", "--kubeconfig", world.kubeconfig, "-o", "json", "-q"];
    const { stderr } = await runIn(world, ...line);
    assert.deepEqual(JSON.parse(stderr), {
      error: { code: "FAKE_BROKEN", message: "it is broken", next: "Mend it, then `resume`." },
    });
  });
});

describe("approve, pause, resume, abort and rollback", () => {
  test("approve approves what the run waits for, and goes on to the next decision", async (t) => {
    const { world } = await stoppedWorld(t);
    const first = await runIn(world, "approve", "-q");
    assert.deepEqual([first.code, /approved: lock/.test(first.stderr)], [4, true]);
    const second = await runIn(world, "approve", "-q");
    assert.deepEqual([second.code, /approved: unlock/.test(second.stderr)], [0, true]);
    const third = await runIn(world, "approve");
    assert.match(third.stderr, /\(RUN_NONE_FITS\)/);
  });

  test("rollback undoes what was done, in reverse order, and ends with 0", async (t) => {
    const { world, runId } = await stoppedWorld(t);
    const { code, stdout } = await runIn(world, "rollback", "--yes", "-o", "json", "-q");
    const { status } = JSON.parse(stdout) as RunDocument;
    assert.deepEqual([code, status.state], [0, "RolledBack"]);
    assert.deepEqual(status.stages.map(({ name }) => name).slice(-2), ["uncopy", "unprepare"]);
    const again = await runIn(world, "rollback", runId, "--yes");
    assert.deepEqual([again.code, /\(UNDO_ENDED\)/.test(again.stderr)], [1, true]);
  });

  test("rollback also turns a run around that has succeeded; abort does not", async (t) => {
    const world = fakeWorld(t);
    const { run } = await start(world, "--yes");
    const none = await runIn(world, "abort", "--yes");
    const back = new RegExp(
      `\\(RUN_NONE_FITS\\)\nnext: Run ${run.metadata.name} has succeeded: \`.* rollback ${run.metadata.name} `,
    );
    assert.match(none.stderr, back);
    const abort = await runIn(world, "abort", run.metadata.name, "--yes");
    assert.deepEqual([abort.code, /\(ABORT_TOO_LATE\)/.test(abort.stderr)], [1, true]);
    const { code, stdout } = await runIn(world, "rollback", "--yes", "-o", "json", "-q");
    const { status } = JSON.parse(stdout) as RunDocument;
    assert.deepEqual([code, status.state], [0, "RolledBack"]);
    assert.ok(status.stages.some(({ name }) => name === "carry-back"));
  });

  test("abort ends in Aborted", async (t) => {
    const { world } = await stoppedWorld(t);
    const { code, stdout } = await runIn(world, "abort", "--yes", "-q");
    assert.equal(code, 0);
    assert.match(stdout, /Aborted/);
  });

  test("abort says at its end how much it has left, and where that is listed", async (t) => {
    const { world, runId } = await stoppedWorld(t, { leaves: 21 });
    const { stdout } = await runIn(world, "abort", "--yes", "-q");
    const last = new RegExp(
      `Aborted\n21 things are left in the target, each with the reason: (.*describe ${runId}.*)\n$`,
    );
    assert.match(stdout, last);
    assert.match((await runIn(world, "describe", runId)).stdout, /Left in the target \(21\):/);
  });

  test("abort says at its end what of others it has left out of force, and describe has the content", async (t) => {
    const drops = { kind: "NetworkPolicy", metadata: { name: "web" }, spec: { order: 7 } };
    const { world, runId } = await stoppedWorld(t, { drops });

    const { stdout } = await runIn(world, "abort", "--yes", "-q");

    const last = new RegExp(
      `Aborted\n1 write of others, accepted before the run went back, not in force any more; each with what to do: (.*describe ${runId}.*)\n$`,
    );
    assert.match(stdout, last);
    assert.match(
      (await runIn(world, "describe", runId)).stdout,
      /Accepted, and not in force \(1\):\n.*\n +dropped +dropped +changed/,
    );
    const { status } = JSON.parse((await runIn(world, "describe", runId, "-o", "json")).stdout) as {
      status: { problems: object[] };
    };
    const problem = {
      list: "accepted, and not in force",
      key: "dropped",
      target: "dropped",
      reason: "changed",
    };
    assert.deepEqual(status.problems, [{ ...problem, object: drops }]);
  });

  test("describe lists all that a verification has found, also once the run went back by itself", async (t) => {
    const world = fakeWorld(t, { failsLocked: true, differs: ["a", "b", "c"] });
    await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "--yes", "-q");
    const { stdout } = await runIn(world, "describe");
    assert.match(stdout, /State: +RolledBack/);
    assert.match(stdout, /Differs \(lock\) \(3\):\n.*\n +a +a +it differs\n +b +b +it differs\n/);
  });

  test("rollback, abort and abandon do nothing without a terminal and --yes, with exit code 4", async (t) => {
    const { world, runId } = await stoppedWorld(t);
    const before = (await runIn(world, "get", runId, "-o", "json")).stdout;
    for (const [command, ...more] of [["rollback"], ["abort"], ["abandon", "--force"]] as const) {
      const { code, stderr } = await runIn(world, command, runId, ...more);
      assert.deepEqual([code, /\(CONFIRMATION_NEEDED\)/.test(stderr)], [4, true]);
      const line = [command, runId, ...more].join(" ");
      assert.match(stderr, new RegExp(`next: .*calico-migrator ${line} --yes`));
    }
    assert.equal((await runIn(world, "get", runId, "-o", "json")).stdout, before);
    assert.equal((await runIn(world, "rollback", runId, "--yes", "-q")).code, 0);
  });

  test("rollback, abort and abandon ask nobody about what is refused", async (t) => {
    const world = fakeWorld(t);
    const { run } = await start(world, "--yes");
    const { name } = run.metadata;
    for (const [command, code] of [
      ["abort", "ABORT_TOO_LATE"],
      ["abandon", "RUN_ENDED"],
    ] as const)
      assert.match((await runIn(world, command, name)).stderr, new RegExp(`\\(${code}\\)`));
    assert.equal((await runIn(world, "rollback", name, "--yes", "-q")).code, 0);
    assert.match((await runIn(world, "rollback", name)).stderr, /\(UNDO_ENDED\)/);
  });

  test("abandon refuses a run that can be undone (ABANDON_UNDOABLE), and names the way back", async (t) => {
    const { world, runId } = await stoppedWorld(t);
    const { code, stderr } = await runIn(world, "abandon", runId, "--yes", "-q");
    assert.deepEqual([code, /can still be undone \(ABANDON_UNDOABLE\)/.test(stderr)], [1, true]);
    const [, line = ""] =
      /next: Take it back with `calico-migrator (.*?)`, .* give --force as well/.exec(stderr) ?? [];
    assert.match(line, new RegExp(`^rollback ${runId} --store `));
    assert.equal((await runLine(world, [...line.split(" "), "--yes", "-q"])).code, 0);
  });

  test("abandon names what stays behind, ends the run, and frees its cluster", async (t) => {
    const { world, runId } = await stoppedWorld(t);
    const { code, stdout, stderr } = await runIn(world, "abandon", runId, "--yes", "--force", "-q");
    assert.deepEqual([code, /Abandoned/.test(stdout)], [0, true]);
    assert.match(stderr, /what stays behind[^]*uncopy: not done: do uncopy\n +unprepare: not done/);
    assert.match(
      (await runIn(world, "describe", runId)).stdout,
      /Left behind:[^]*uncopy +not done: do uncopy/,
    );
    assert.equal((await start(world, "--yes")).code, 0);
    const again = await runIn(world, "rollback", runId, "--yes");
    assert.match(
      again.stderr,
      /was given up.*\(UNDO_ENDED\)\nnext: See what it left .*`.* unlock --force --side SIDE/,
    );
  });

  test("rollback without a run does not count backups, which leave nothing to undo", async (t) => {
    const world = fakeWorld(t, { backups: true });
    await start(world, "--yes");
    assert.equal((await runIn(world, "backup", "--kubeconfig", world.kubeconfig, "-q")).code, 0);
    assert.equal((await runIn(world, "rollback", "--yes", "-q")).code, 0);
  });

  test("describe without a run shows the newest migration where none is under way, and says so", async (t) => {
    const world = fakeWorld(t, { backups: true });
    const { run } = await start(world, "--yes");
    await runIn(world, "backup", "--kubeconfig", world.kubeconfig, "-q");
    const { code, stdout, stderr } = await runIn(world, "describe");
    assert.deepEqual([code, stdout.includes(run.metadata.name)], [0, true]);
    assert.match(stderr, new RegExp(`no run is under way: this is the newest, ${run.metadata.name} `));
  });

  test("rollback asks for the cluster's name on a terminal, and does nothing for another", async (t) => {
    const { world } = await stoppedWorld(t);
    world.stdin.isTTY = world.stderr.isTTY = true;
    const refused = runIn(world, "rollback", "-q");
    await untilText(world, /Type the name of the cluster, prod/);
    world.stdin.write("other\n");
    assert.match((await refused).stderr, /\(NOT_CONFIRMED\)\nnext: Run the command again and type the name/);
    assert.match((await runIn(world, "get")).stdout, /Waiting\(Approval\)/);
    const done = runIn(world, "rollback", "-q");
    await untilText(world, /Type the name[^]*Type the name/);
    world.stdin.write("prod\n");
    assert.equal((await done).code, 0);
  });

  for (const [how, stop] of [
    ["typed", (world: FakeWorld) => world.stdin.write("prod\u0003")],
    [
      "sent as a signal",
      (world: FakeWorld) => {
        world.interrupt();
      },
    ],
  ] as const) {
    test(`Ctrl-C, ${how}, instead of the cluster's name ends with exit code 130, and nothing is done`, async (t) => {
      const { world, runId } = await stoppedWorld(t);
      world.stdin.isTTY = world.stderr.isTTY = true;
      for (const [number, words] of [["rollback"], ["abort"], ["abandon", runId, "--force"]].entries()) {
        const asked = runIn(world, ...words, "-q");
        await untilText(world, new RegExp(`(Type the name[^]*){${number + 1}}`));
        stop(world);
        const { code, stderr } = await asked;
        assert.equal(code, 130);
        assert.match(stderr, /nothing was done \(INTERRUPTED\)\nnext: .* type the name, or add --yes/);
        assert.doesNotMatch(stderr, /safe point|NOT_CONFIRMED/);
      }
      assert.match((await runIn(world, "get")).stdout, /Waiting\(Approval\)/);
      assert.equal((await runIn(world, "rollback", "--yes", "-q")).code, 0);
    });
  }

  test("pause is carried out also where nobody works on the run, and resume lifts it", async (t) => {
    const world = fakeWorld(t);
    await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "--no-wait", "--yes");
    assert.equal((await runIn(world, "pause")).code, 0);
    assert.match((await runIn(world, "get")).stdout, /Waiting\(Paused\)/);
    assert.equal((await runIn(world, "resume", "-q")).code, 0);
  });

  test("resume leaves out what it names, each refused by name that is not there", async (t) => {
    const world = fakeWorld(t, { leavesOut: true });
    await start(world, "--stop-before", "copy");
    const refused = await runIn(world, "resume", "--skip", "Thing/a", "--skip", "Thing/none", "-q");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /--skip: "Thing\/none": not there \(SKIP_UNKNOWN\)/);
    await runIn(world, "resume", "--skip", "Thing/a", "--skip", "Thing/b", "-q");
    const { spec } = JSON.parse((await runIn(world, "describe", "-o", "json")).stdout) as {
      spec: { leftOut: { object: string }[] };
    };
    assert.deepEqual(
      spec.leftOut.map(({ object }) => object),
      ["Thing/a", "Thing/b"],
    );
  });

  test("several runs that fit have to be named", async (t) => {
    const world = fakeWorld(t);
    const other = writeKubeconfig(world.folder, "other", "https://other.example.com");
    await start(world, "--stop-before", "lock");
    await runIn(world, "start", "fake", "--kubeconfig", other, "--stop-before", "lock", "-q");
    const { code, stderr } = await runIn(world, "resume");
    assert.equal(code, 1);
    assert.match(stderr, /2 runs fit: fake-.*\(other, Waiting\).*\(prod, Waiting\) \(RUN_AMBIGUOUS\)/);
  });
});

describe("plan and preflight", () => {
  const line = (world: FakeWorld): string[] => ["fake", "--kubeconfig", world.kubeconfig, "-q"];

  test("plan shows checks, counts, stages and the point of no return, and starts nothing", async (t) => {
    const world = fakeWorld(t);
    const { code, stdout } = await runIn(world, "plan", ...line(world));
    assert.equal(code, 0);
    assert.match(stdout, /pass +fake-check/);
    assert.match(stdout, /total +30/);
    assert.match(stdout, /found: installer nobody\n/);
    assert.match(stdout, /unlock +POINT OF NO RETURN, needs approval +carry-back/);
    assert.equal((await runIn(world, "get", "-o", "name")).stdout, "");
  });

  test("tell how the checks go on, and of no run that would start or wait", async (t) => {
    const world = fakeWorld(t);
    const looked = ["plan", "preflight"].map((command) => [
      command,
      "fake",
      "--kubeconfig",
      world.kubeconfig,
    ]);
    for (const words of looked)
      for (const form of ["text", "json"]) {
        const { code, stderr } = await runIn(world, ...words, "-o", form);
        assert.equal(code, 0, stderr);
        assert.match(stderr, form === "text" ? /preflight: done/ : /"stage.completed"/);
        assert.doesNotMatch(stderr, /run.starts|run.started|waiting|prepare/);
      }
    world.stderr.isTTY = true;
    const { stderr } = await runIn(world, ...(looked[0] ?? []));
    assert.match(stderr, /fake.* on prod .*Running[^]* preflight /);
    assert.doesNotMatch(stderr, /waiting|prepare|fake-/i);
    const [, hash = ""] =
      /start --plan ([0-9a-f]+)/.exec((await runIn(world, ...(looked[0] ?? []))).stdout) ?? [];
    world.stderr.isTTY = false;
    const started = await runIn(world, "start", "--plan", hash, "--yes");
    assert.equal(started.stderr.match(/run starts/g)?.length, 1, started.stderr);
    assert.doesNotMatch(started.stderr, /waiting/);
  });

  test("a manifest that is not there, or a URL that refuses, is told at once, and no cluster is asked", async (t) => {
    const migration = { ...fakeMigration(), name: "apiserver-to-crds" };
    const world = { ...fakeWorld(t), migrations: [migration] };
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    for (const [source, code] of [
      [join(world.folder, "none.yaml"), "MANIFEST_NOT_FOUND"],
      [`http://127.0.0.1:${port}/crds.yaml`, "MANIFEST_UNREACHABLE"],
    ] as const)
      for (const command of ["plan", "preflight", "start"]) {
        const words = [command, "apiserver-to-crds", "--kubeconfig", world.kubeconfig, "--crds", source];
        const answer = await runIn(world, ...words);
        assert.deepEqual([answer.code, answer.stderr.includes(`(${code})`)], [1, true], answer.stderr);
      }
    assert.equal(world.opened, 0);
  });

  test("what nobody answers is tried for seconds, not minutes, then told", async (t) => {
    let tries = 0;
    const world = fakeWorld(t, { unreachable: () => tries++ });
    const clock = new ManualClock();
    world.clock = clock;
    const { code, stderr } = await clock.runUntil(runIn(world, "plan", ...line(world)));
    assert.deepEqual([code, /nobody answers \(FAKE_UNREACHABLE\)/.test(stderr)], [1, true], stderr);
    assert.equal(tries, 6);
  });

  test("plan -o json names everything a program may want", async (t) => {
    const world = fakeWorld(t);
    const { stdout } = await runIn(world, "plan", ...line(world), "-o", "json");
    const plan = JSON.parse(stdout) as {
      kind: string;
      resources: { total: number };
      findings: object;
      passed: boolean;
    };
    assert.deepEqual([plan.kind, plan.resources.total, plan.passed], ["Plan", 30, true]);
    assert.deepEqual(plan.findings, { installer: "nobody" });
  });

  test("a blocking check that fails makes the exit code 3, one that needs consent does not", async (t) => {
    const blocked = fakeWorld(t, { failing: "blocking" });
    const { code, stdout } = await runIn(blocked, "preflight", ...line(blocked));
    assert.equal(code, 3);
    assert.match(stdout, /FAIL +fake-check +something is[^]*fake-check: Mend it\./);
    assert.equal((await runIn(blocked, "plan", ...line(blocked), "-o", "yaml")).code, 3);
    const consent = fakeWorld(t, { failing: "consent" });
    assert.equal((await runIn(consent, "preflight", ...line(consent))).code, 0);
  });
});

describe("where there is nothing to migrate", () => {
  test("plan and preflight show the check that says so, and start answers 3", async (t) => {
    for (const command of ["plan", "preflight", "start"]) {
      const world = fakeWorld(t, { failing: "blocking", failingCode: "NOTHING_TO_MIGRATE" });
      const line = [command, "fake", "--kubeconfig", world.kubeconfig, "-q"];
      const { code, stdout } = await runIn(world, ...line);
      assert.equal(code, 3, command);
      if (command !== "start")
        assert.match(stdout, /FAIL +fake-check +something is[^]*fake-check: Mend it\./);
    }
  });
});

describe("get and describe", () => {
  test("show what is there in every form", async (t) => {
    const { world, runId } = await stoppedWorld(t);
    assert.match(
      (await runIn(world, "get")).stdout,
      new RegExp(`${runId} +fake +prod +Waiting\\(Approval\\) +lock`),
    );
    assert.match((await runIn(world, "get", "-o", "wide")).stdout, /REASON\n.*asked to stop before lock/);
    assert.equal((await runIn(world, "get", "-o", "name")).stdout, `${runId}\n`);
    assert.match((await runIn(world, "get", "-o", "yaml")).stdout, /kind: RunList/);
    const { stdout } = await runIn(world, "describe");
    assert.match(stdout, /Waiting: +Approval: asked to stop before lock/);
    assert.match(stdout, /copy +forward +done .*copied=30/);
    const json = JSON.parse((await runIn(world, "describe", "-o", "json")).stdout) as {
      status: { events: unknown[]; artifacts: unknown[] };
    };
    assert.ok(json.status.events.length > 5);
  });

  test("say which run there is not", async (t) => {
    const { world } = await stoppedWorld(t);
    const { code, stderr } = await runIn(world, "describe", "no-such-run");
    assert.deepEqual([code, /RUN_NOT_FOUND/.test(stderr)], [1, true]);
  });
});

describe("verify and diff", () => {
  test("answer 0 for the same, 1 for a difference, and 2 when they cannot compare", async (t) => {
    const { world } = await stoppedWorld(t);
    const different = { kind: "Thing", target: "things/a", reason: "spec.x: source 1, target 2" };
    let found = [different];
    Object.assign(world.comparisons, {
      fake: async function* () {
        await Promise.resolve();
        yield* found;
      },
    });
    const differs = await runIn(world, "diff");
    assert.deepEqual(
      [differs.code, /Thing +things\/a +spec\.x: source 1, target 2/.test(differs.stdout)],
      [1, true],
    );
    assert.match((await runIn(world, "verify")).stdout, /1 resources differ/);
    found = [];
    assert.deepEqual(await runIn(world, "diff"), { code: 0, stdout: "", stderr: "" });
    Object.assign(world.comparisons, { fake: undefined });
    assert.equal((await runIn(world, "diff")).code, 2);
  });
});

describe("clusters", () => {
  test("are added, listed with paths only, and removed unless a run needs them", async (t) => {
    const world = fakeWorld(t);
    const add = ["clusters", "add", "a", "--kubeconfig", world.kubeconfig, "-l", "env=prod"];
    assert.equal((await runIn(world, ...add, "--etcd-endpoints", "http://10.0.0.1:2379")).code, 0);
    const { stdout } = await runIn(world, "clusters", "-o", "wide");
    assert.match(
      stdout,
      /a +https:\/\/prod\.example\.com:6443\/ +prod +http:\/\/10\.0\.0\.1:2379 .*env=prod/,
    );
    assert.doesNotMatch((await runIn(world, "clusters", "-o", "json")).stdout, /not-a-real-token/);
    await runIn(world, "start", "fake", "--cluster", "a", "-q");
    assert.match((await runIn(world, "clusters", "remove", "a")).stderr, /\(CLUSTER_BUSY\)/);
    await runIn(world, "rollback", "--yes", "-q");
    assert.equal((await runIn(world, "clusters", "remove", "a")).code, 0);
    assert.equal((await runIn(world, "clusters", "-o", "name")).stdout, "");
  });

  test("move to another API server only when told to", async (t) => {
    const world = fakeWorld(t);
    await runIn(world, "clusters", "add", "a", "--kubeconfig", world.kubeconfig);
    const moved = writeKubeconfig(world.folder, "moved", "https://moved.example.com");
    const refused = await runIn(world, "clusters", "add", "a", "--kubeconfig", moved);
    assert.match(refused.stderr, /\(CLUSTER_DIFFERS\)/);
    assert.equal((await runIn(world, "clusters", "add", "a", "--kubeconfig", moved, "--replace")).code, 0);
    assert.match((await runIn(world, "clusters")).stdout, /moved\.example\.com/);
  });
});

/** Waits until the program has written a text to standard error. */
async function untilText(world: FakeWorld, text: RegExp): Promise<void> {
  for (let tries = 0; !text.test(world.stderr.text); tries++) {
    assert.ok(tries < 500, `${String(text)} is not in: ${world.stderr.text}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
