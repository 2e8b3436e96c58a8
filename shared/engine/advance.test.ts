import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { WAKE_AFTER_MS } from "./transitions.ts";
import type { StageOutcome } from "./migration.ts";
import { runLease } from "./lease-names.ts";
import { NEVER, type Rig, SETTINGS, withRig } from "./testing/rig.ts";
import { action, DONE, failure, gate, migrationOf, waitFor } from "./testing/stages.ts";

/** A stage whose calls fail with these errors, one by one, and succeed afterwards. */
function failing(...errors: Error[]): { calls: () => number; act: () => Promise<StageOutcome> } {
  let calls = 0;
  const act = () => {
    const error = errors[calls];
    calls += 1;
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
  };
  return { calls: () => calls, act };
}

function withAct(act: () => Promise<StageOutcome>, body: (rig: Rig<null>) => Promise<void>): Promise<void> {
  return withRig(null, [migrationOf([action("one", act), action("two")])], body);
}

async function pendingMessages(rig: Rig<null>): Promise<number> {
  rig.clock.advance(10 * 60_000);
  const query = { max: 100, visibilityMs: 60_000, waitMs: 0 };
  return (await rig.ports.queue.receive(query)).length;
}

describe("advancing a run", () => {
  test("goes through the stages in order and ends", async () => {
    const calls: string[] = [];
    const note = (name: string) =>
      action(name, () => {
        calls.push(name);
        return Promise.resolve(DONE);
      });
    await withRig(null, [migrationOf(["one", "two", "three"].map(note))], async (rig) => {
      const { run, stages } = await rig.run();

      assert.deepEqual(calls, ["one", "two", "three"]);
      assert.equal(run.state, "Succeeded");
      assert.equal(run.stage, undefined);
      assert.deepEqual(
        stages.map(({ stage, state }) => `${stage} ${state}`),
        ["one done", "two done", "three done"],
      );
    });
  });

  test("a migration without stages ends at once", () =>
    withRig(null, [migrationOf([])], async (rig) => {
      assert.equal((await rig.run()).run.state, "Succeeded");
    }));

  test("an ended run is left as it is by messages that come late", () =>
    withAct(failing().act, async (rig) => {
      const { run } = await rig.run();

      await rig.engine.handle({ type: "run.advance", runId: run.runId }, NEVER);

      const { updatedAt, state, eventSequence } = (await rig.engine.describe(run.runId)).run;
      assert.deepEqual([updatedAt, state, eventSequence], [run.updatedAt, run.state, run.eventSequence]);
    }));

  test("a message about a run that is not there is dropped", () =>
    withAct(failing().act, async (rig) => {
      await rig.engine.handle({ type: "run.advance", runId: "gone" }, NEVER);
    }));

  test("a message for a run that another worker holds comes again, and changes nothing", () =>
    withAct(failing().act, async (rig) => {
      const runId = await rig.start();
      await rig.receive();
      const lease = await rig.ports.store.acquireLease(runLease(runId), "other", SETTINGS.leaseTtlMs);

      await rig.engine.handle({ type: "run.advance", runId }, NEVER);
      assert.equal((await rig.engine.describe(runId)).run.state, "Pending");
      assert.equal(await rig.receive(), undefined);
      rig.clock.advance(SETTINGS.busyDelayMs);

      assert.ok(lease);
      await rig.ports.store.releaseLease(lease);
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    }));

  test("stops at the next step when it is interrupted, and goes on afterwards", async () => {
    const stop = new AbortController();
    const act = () => {
      stop.abort();
      return Promise.resolve(DONE);
    };
    await withAct(act, async (rig) => {
      const runId = await rig.start();
      await rig.receive();

      await rig.engine.handle({ type: "run.advance", runId }, stop.signal);

      const { run, stages } = await rig.engine.describe(runId);
      assert.equal(run.state, "Running");
      assert.deepEqual(
        stages.map(({ stage }) => stage),
        ["one"],
      );
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    });
  });

  test("what fails because of an interrupt is no failed try", async () => {
    const stop = new AbortController();
    let interrupted = false;
    const act = () => {
      if (interrupted) return Promise.resolve(DONE);
      interrupted = true;
      stop.abort();
      return Promise.reject(new Error("socket closed"));
    };
    await withAct(act, async (rig) => {
      const runId = await rig.start();
      await rig.receive();

      await rig.engine.handle({ type: "run.advance", runId }, stop.signal);

      const { run } = await rig.engine.describe(runId);
      assert.deepEqual([run.state, run.attempt], ["Running", 0]);
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    });
  });

  test("a run in a stage that its migration does not have fails, rather than end as a success", async () => {
    await withRig(null, [migrationOf([action("one", () => Promise.resolve(waitFor("x")))])], async (rig) => {
      const runId = await rig.start();
      await rig.handleDue();
      const renamed = migrationOf<null>([action("first")]);
      const newer = rig.engineWith({}, [renamed]);

      const { run } = await rig.settle(runId, newer);

      assert.equal(run.state, "Failed");
      assert.equal(run.failure?.code, "RUN_STAGE_UNKNOWN");
      assert.match(run.failure.message, /one/);
    });
  });
});

describe("trying again", () => {
  test("an error that may pass is tried again after a delay, and the count starts anew at the next stage", async () => {
    const { calls, act } = failing(failure("BUSY", true), failure("BUSY", true));
    await withAct(act, async (rig) => {
      const runId = await rig.start();
      await rig.handleDue();

      const { run } = await rig.engine.describe(runId);
      assert.deepEqual([run.state, run.waiting?.reason, run.attempt], ["Waiting", "Backoff", 1]);
      assert.match(run.waiting?.message ?? "", /BUSY: BUSY happened/);
      assert.equal(calls(), 1);

      const settled = await rig.settle(runId);
      assert.deepEqual([settled.run.state, settled.run.attempt, calls()], ["Succeeded", 0, 3]);
    });
  });

  test("is given up after the policy's number of tries, with the last error", async () => {
    const errors = [1, 2, 3, 4].map((n) => failure(`BUSY_${n}`, true));
    const { calls, act } = failing(...errors);
    await withAct(act, async (rig) => {
      const { run } = await rig.run();

      assert.equal(calls(), SETTINGS.retry.maxAttempts);
      assert.equal(run.state, "Failed");
      assert.deepEqual(run.failure, { code: "BUSY_3", message: "BUSY_3 happened", next: "Mend it." });
      assert.equal(await pendingMessages(rig), 0);
    });
  });

  test("an error that will not pass fails the run at once", async () => {
    const { calls, act } = failing(failure("WRONG", false));
    await withAct(act, async (rig) => {
      const { run } = await rig.run();

      assert.deepEqual([run.state, run.failure?.code, calls()], ["Failed", "WRONG", 1]);
    });
  });

  test("a failed run tries nothing until it is resumed", async () => {
    const { calls, act } = failing(failure("WRONG", false));
    await withAct(act, async (rig) => {
      const { run } = await rig.run();

      await rig.engine.handle({ type: "run.advance", runId: run.runId }, NEVER);
      await rig.engine.wake(run.runId);
      await rig.handleDue();
      assert.equal(calls(), 1);
      await rig.engine.resume(run.runId);
      const settled = await rig.settle(run.runId);

      assert.deepEqual([settled.run.state, settled.run.failure, calls()], ["Succeeded", undefined, 2]);
    });
  });

  test("a resume has all tries again, and is honoured once", async () => {
    const errors = Array.from({ length: 10 }, () => failure("BUSY", true));
    const { calls, act } = failing(...errors);
    await withAct(act, async (rig) => {
      const { run } = await rig.run();
      await rig.engine.resume(run.runId);

      const settled = await rig.settle(run.runId);

      assert.equal(settled.run.state, "Failed");
      assert.equal(calls(), 2 * SETTINGS.retry.maxAttempts);
    });
  });

  test("tries that fail between looks at a gate are not added up", async () => {
    let calls = 0;
    const check = () => {
      calls += 1;
      if (calls > 9) return Promise.resolve(DONE);
      return calls % 3 === 0 ? Promise.resolve(waitFor("not yet")) : Promise.reject(failure("BUSY", true));
    };
    await withRig(null, [migrationOf([gate("ready", check)])], async (rig) => {
      assert.equal((await rig.run()).run.state, "Succeeded");
      assert.equal(calls, 10);
    });
  });
});

describe("pause and resume", () => {
  test("a paused run waits for a person, also at a gate, and goes on where it was", async () => {
    let open = false;
    const check = () => Promise.resolve(open ? DONE : waitFor("closed"));
    await withRig(null, [migrationOf([gate("door", check), action("enter")])], async (rig) => {
      const runId = await rig.start();
      await rig.handleDue();
      await rig.engine.pause(runId);
      const paused = await rig.settle(runId);
      open = true;
      rig.clock.advance(60_000);
      await rig.engine.wakeDue();
      await rig.handleDue();

      assert.equal(paused.run.waiting?.reason, "Paused");
      assert.equal(paused.run.nextWakeAt, undefined);
      assert.equal((await rig.engine.describe(runId)).run.stage, "door");
      await rig.engine.resume(runId);
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    });
  });

  test("a run that is paused while a stage is at work stops after that stage", async () => {
    let engine: Rig<null>["engine"] | undefined;
    let runId = "";
    const act = async () => {
      await engine?.pause(runId);
      return DONE;
    };
    await withAct(act, async (rig) => {
      engine = rig.engine;
      runId = await rig.start();

      const { run, stages } = await rig.settle(runId);

      assert.equal(run.waiting?.reason, "Paused");
      assert.deepEqual(
        stages.map(({ stage, state }) => [stage, state]),
        [["one", "done"]],
      );
    });
  });

  test("a pause is told once, however often the run is looked at", () =>
    withAct(failing().act, async (rig) => {
      const runId = await rig.start();
      await rig.engine.pause(runId);
      for (let i = 0; i < 3; i += 1) await rig.engine.handle({ type: "run.advance", runId }, NEVER);

      const waiting = (await rig.events(runId)).filter(({ type }) => type === "run.waiting");
      assert.equal(waiting.length, 1);
    }));
});

describe("lost leases and lost messages", () => {
  test("a worker whose lease ran out while it worked stops without a word, whatever its work says", async () => {
    for (const outcome of [
      () => Promise.resolve(DONE),
      () => Promise.reject(failure("BUSY", true)),
      () => Promise.reject(new Error("x")),
    ]) {
      let first = true;
      let expire = (): void => undefined;
      const act = (): Promise<StageOutcome> => {
        if (!first) return Promise.resolve(DONE);
        first = false;
        expire();
        return outcome();
      };
      await withAct(act, async (rig) => {
        expire = () => {
          rig.clock.advance(SETTINGS.leaseTtlMs);
        };
        const runId = await rig.start();
        await rig.receive();

        await rig.engine.handle({ type: "run.advance", runId }, NEVER);

        const { run, stages } = await rig.engine.describe(runId);
        assert.deepEqual([run.state, run.attempt, stages[0]?.state], ["Running", 0, "running"]);
        assert.equal((await rig.settle(runId)).run.state, "Succeeded");
      });
    }
  });

  test("a run whose message was lost is woken", () =>
    withAct(failing().act, async (rig) => {
      const runId = await rig.start();
      const lost = await rig.receive();
      assert.ok(lost);
      await rig.ports.queue.acknowledge(lost);

      assert.deepEqual(await rig.engine.wakeDue(), []);
      rig.clock.advance(WAKE_AFTER_MS);

      assert.deepEqual(await rig.engine.wakeDue(), [runId]);
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    }));

  test("a run that is being worked on is not woken, so that messages do not pile up", async () => {
    let during = (): Promise<void> => Promise.resolve();
    const act = async () => {
      await during();
      return DONE;
    };
    await withAct(act, async (rig) => {
      const runId = await rig.start();
      const engine = rig.engineWith({ leaseTtlMs: 60 * 60_000 });
      during = async () => {
        for (let elapsed = 0; elapsed < 10 * 60_000; elapsed += 5_000) {
          rig.clock.advance(5_000);
          assert.deepEqual(await rig.engine.wakeDue(), []);
        }
      };

      assert.equal((await rig.settle(runId, engine)).run.state, "Succeeded");
      assert.equal(await pendingMessages(rig), 0);
    });
  });
});
