import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { aRun } from "../shared/engine/contract/fixtures.ts";
import { DEFAULT_LOCK_POLICY } from "../shared/engine/lock.ts";
import type { DatastoreLock, RunRecord } from "../shared/engine/records.ts";
import { lockedFor, lockLine } from "./lock.ts";
import type { FakeOptions } from "./testing/fake-migration.ts";
import { type Answer, type FakeWorld, fakeWorld, runIn } from "./testing/fake-world.ts";

const SINCE = Date.UTC(2026, 10, 30, 14, 46, 53);
const MINUTE = 60_000;
const ESCAPE = "\u001b";
const LOCK: DatastoreLock = {
  datastore: "etcd",
  state: "locked",
  since: SINCE,
  told: true,
  forPersonMs: 0,
  lookAt: SINCE,
};

const HOLD: FakeOptions = { failsLocked: true, policy: { ...DEFAULT_LOCK_POLICY, onFailure: "hold" } };

describe("the line about a lock", () => {
  const approval = { reason: "Approval", message: "", subject: "unlock" } as const;
  const cases: [string, Partial<RunRecord>, RegExp][] = [
    [
      "an approval",
      { state: "Waiting", waiting: approval },
      /^DATASTORE LOCKED since 14:46:53 \(3 min\): new pods get no network until `approve` or `rollback`$/,
    ],
    [
      "a conflict",
      { state: "Waiting", waiting: { reason: "Conflict", message: "" } },
      /until `conflicts resolve` or `rollback`$/,
    ],
    [
      "a pause",
      { state: "Waiting", waiting: { reason: "Paused", message: "" } },
      /until `resume` or `rollback`$/,
    ],
    ["a failure", { state: "Failed" }, /until `resume` or `rollback`$/],
    ["a failure on the way back", { state: "Failed", track: "rollback" }, /until `resume`$/],
    [
      "nobody any more: what is known, and as of when",
      { state: "Abandoned", finishedAt: SINCE + 2 * MINUTE },
      /^DATASTORE LOCKED at 14:48:53, when the run became Abandoned: `unlock` shows whether it still is/,
    ],
    [
      "nothing",
      { state: "Running" },
      /until the run goes on \(`resume` or `rollback`, if nothing works on it\)$/,
    ],
    [
      "an unlock that nobody has seen",
      { lock: { ...LOCK, state: "unlocking" } },
      /^DATASTORE PERHAPS LOCKED since/,
    ],
  ];
  for (const [what, over, line] of cases) {
    test(`says what ends it: ${what}`, () => {
      assert.match(lockLine(aRun({ lock: LOCK, ...over }), SINCE + 3 * MINUTE) ?? "", line);
    });
  }

  test("has no growing time in the column of a run that has ended", () => {
    assert.equal(lockedFor(aRun({ lock: LOCK, state: "Abandoned" }), SINCE + 3 * MINUTE), "at its end");
  });

  test("names the day where it is another one", () => {
    const line = lockLine(aRun({ lock: LOCK }), SINCE + 24 * 60 * MINUTE) ?? "";
    assert.match(line, /since 2026-11-30 14:46:53 \(1 d 0 h\)/);
  });

  test("is not there where nothing is locked", () => {
    const lock = { ...LOCK, state: "unlocked" as const, until: SINCE + 1 };
    assert.deepEqual([lockLine(aRun(), SINCE), lockLine(aRun({ lock }), SINCE)], [undefined, undefined]);
    assert.equal(lockedFor(aRun({ lock }), SINCE), "");
  });
});

interface Shown {
  status: {
    state: string;
    conditions: { type: string; status: string; lastTransitionTime: string }[];
    lock?: { state: string; since: string };
    worker?: { holder: string } | null;
  };
}

function start(world: FakeWorld, ...words: readonly string[]): Promise<Answer> {
  return runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "-q", ...words);
}

/** Worlds with one run that stands inside the lock, by what has stopped it. */
const STOPPED: Record<string, (t: TestContext) => Promise<{ world: FakeWorld; answer: Answer }>> = {
  "--stop-before unlock": async (t) => {
    const world = fakeWorld(t);
    return { world, answer: await start(world, "--stop-before", "unlock") };
  },
  "an approval that is missing": async (t) => {
    const world = fakeWorld(t);
    return { world, answer: await start(world) };
  },
  "a pause": async (t) => {
    const world = fakeWorld(t);
    await start(world, "--stop-before", "unlock");
    return { world, answer: await runIn(world, "pause") };
  },
  "a failure that is held": async (t) => {
    const world = fakeWorld(t, HOLD);
    return { world, answer: await start(world, "--yes") };
  },
};

describe("a datastore that is left locked", () => {
  for (const [what, stop] of Object.entries(STOPPED)) {
    test(`by ${what} is told by the last line, get, describe, watch and JSON`, async (t) => {
      const { world, answer } = await stop(t);
      assert.notEqual(answer.stderr, "");
      assert.match(lastLine(answer), /^DATASTORE LOCKED since .* \(\d+ s\): new pods get no network until/);

      const got = await runIn(world, "get");
      assert.match(got.stdout, /^RUN +MIGRATION +CLUSTER +STATE +STAGE +LOCKED +WORKER +AGE *\n/);
      assert.match(got.stdout, / \d+ s +none +\d/);
      assert.match(lastLine(got), /^DATASTORE LOCKED since/);

      const described = await runIn(world, "describe");
      assert.match(described.stdout, /^Locked: +DATASTORE LOCKED since .*\nWorker: +none$/m);
      assert.match(
        described.stdout,
        /DatastoreLocked +True +\S+Z +Locked +locked since .*: nothing; new pods/,
      );
      assert.match(lastLine(described), /^DATASTORE LOCKED since/);

      const { stdout } = await runIn(world, "get", "-o", "json");
      const [item] = (JSON.parse(stdout) as { items: Shown[] }).items;
      assert.equal(item?.status.conditions.find(({ type }) => type === "DatastoreLocked")?.status, "True");
      assert.deepEqual([item.status.lock?.state, item.status.worker], ["locked", null]);

      const watched = await runIn(world, "watch", "--timeout", "0", "-q");
      assert.match(lastLine(watched), /^DATASTORE LOCKED since/);
    });
  }

  test("is said in red on a terminal", async (t) => {
    const world = fakeWorld(t);
    await start(world, "--stop-before", "unlock");
    world.stderr.isTTY = true;
    const { stderr } = await runIn(world, "get");
    assert.match(stderr, new RegExp(`${ESCAPE}\\[31mDATASTORE LOCKED since .*${ESCAPE}\\[39m\\n$`));
  });

  test("is not said of a run that is done", async (t) => {
    const world = fakeWorld(t);
    const { stdout } = await start(world, "--yes");
    assert.doesNotMatch(stdout, /LOCKED/);
    const got = await runIn(world, "get");
    assert.doesNotMatch(got.stdout, /none/);
    assert.equal(got.stderr, "");
  });
});

describe("a run that fails inside the lock", () => {
  test("goes back by itself, and says why", async (t) => {
    const world = fakeWorld(t, { failsLocked: true });
    const { code, stdout, stderr } = await start(world, "--yes");
    assert.equal(code, 1);
    assert.match(stdout, /: RolledBack\n/);
    assert.match(
      stderr,
      /error: it broke while locked \(FAKE_LOCKED\)\nnext: Everything is undone\. Mend it\. Then start again\.\n$/,
    );
    assert.match(
      (await runIn(world, "describe", runIdIn(stdout))).stdout,
      /^Because: +it broke while locked \(FAKE_LOCKED\)$/m,
    );
    const resumed = await runIn(world, "resume", runIdIn(stdout));
    assert.deepEqual([resumed.code, /it is RolledBack \(RUN_ENDED\)/.test(resumed.stderr)], [1, true]);
    assert.match(
      resumed.stderr,
      /^next: Nothing is left to resume\. Start again with `calico-migrator start --store \S+`\.$/m,
    );
    assert.match((await start(world, "--yes")).stderr, /\(FAKE_LOCKED\)/);
  });
});

describe("a lock that lasts longer than it may", { timeout: 120_000 }, () => {
  const policy = { ...DEFAULT_LOCK_POLICY, maxLockMs: 1_000 };

  test("has the run undone by the command that waits for an approval; --max-lock allows another one more time", async (t) => {
    const world = fakeWorld(t, { policy: { ...policy, onBudget: "rollback" } });
    const { code, stdout, stderr } = await start(world);
    assert.equal(code, 1);
    assert.match(stdout, /: RolledBack\n/);
    assert.match(
      stderr,
      /error: nothing was locked for \d+ s, longer than the 1 s of --max-lock \(LOCK_BUDGET_EXCEEDED\)/,
    );
    assert.match(
      stderr,
      /next: .*See with `describe` .* inside the lock, then start again; --max-lock allows for more/,
    );
    assert.match((await runIn(world, "describe", runIdIn(stdout))).stdout, /^Because: /m);
    const longer = { policy: { ...policy, onBudget: "rollback", maxLockMs: 600_000 } } as const;
    const again = { ...world, migrations: fakeWorld(t, longer).migrations };
    assert.equal((await start(again, "--yes")).code, 0);
  });

  test("leaves the run to a person by default", async (t) => {
    const { code, stderr } = await start(fakeWorld(t, { policy }));
    assert.equal(code, 4);
    assert.match(stderr, /DATASTORE LOCKED since/);
  });
});

function lastLine({ stderr }: Answer): string {
  return stderr.trimEnd().split("\n").at(-1) ?? "";
}

function runIdIn(text: string): string {
  return /fake-[0-9a-f]{8}/.exec(text)?.[0] ?? "";
}
