import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { batchLease } from "./lease-names.ts";
import type { BatchOutcome, StageContext } from "./migration.ts";
import type { BatchRecord, BatchRef } from "./records.ts";
import { NEVER, type Rig, SETTINGS, withRig } from "./testing/rig.ts";
import { failure, migrationOf, sweepOf } from "./testing/stages.ts";

type Work = (context: StageContext<null, JsonObject>, batch: Readonly<BatchRecord>) => Promise<BatchOutcome>;

const ok: BatchOutcome = { done: true, counts: { seen: 1 } };

/** A run of one sweep whose batches do `work`, planned, with no batch worked on. */
async function withBatches(
  batches: number,
  work: Work,
  body: (rig: Rig<null>, runId: string) => Promise<void>,
): Promise<void> {
  await withRig(null, [migrationOf([sweepOf("copy", batches, work)])], async (rig) => {
    const runId = await rig.start();
    await rig.handleDue(rig.engine, "run.advance");
    await body(rig, runId);
  });
}

function refOf(runId: string, batch = 0): BatchRef {
  return { runId, track: "forward", stage: "copy", batch };
}

function handle(rig: Rig<null>, ref: BatchRef, signal = NEVER): Promise<void> {
  return rig.engine.handle({ type: "batch.work", ...ref }, signal);
}

/** Counts its calls, and does as `then` says. */
function counted(then: Work = () => Promise.resolve(ok)): { work: Work; calls: number[] } {
  const calls: number[] = [];
  const work: Work = (context, batch) => {
    calls.push(batch.batch);
    return then(context, batch);
  };
  return { work, calls };
}

describe("working on a batch", () => {
  test("messages twice, reordered and late change nothing", async () => {
    const { work, calls } = counted();
    await withBatches(3, work, async (rig, runId) => {
      for (const batch of [2, 0, 2, 1, 0]) await handle(rig, refOf(runId, batch));
      const settled = await rig.settle(runId);
      for (const batch of [0, 1, 2]) await handle(rig, refOf(runId, batch));
      await rig.handleDue();

      assert.deepEqual(calls, [2, 0, 1]);
      assert.equal(settled.run.state, "Succeeded");
      assert.deepEqual(settled.stages[0]?.counts, { seen: 3 });
      assert.deepEqual(await rig.engine.describe(runId), settled);
    });
  });

  test("messages of closed batches ask for the run only once none is open, so that duplicates beget no others", async () => {
    const { work } = counted();
    await withBatches(2, work, async (rig, runId) => {
      await rig.handleDue(rig.engine, "batch.work");
      while ((await rig.receive("run.advance")) !== undefined);
      for (const batch of [0, 1, 7]) await handle(rig, refOf(runId, batch));
      const asked = await rig.receive("run.advance");

      assert.equal(asked?.message.runId, runId, "its worker may have died before it told the run");
    });
    await withBatches(2, work, async (rig, runId) => {
      await handle(rig, refOf(runId, 0));
      while ((await rig.receive("run.advance")) !== undefined);
      for (const batch of [0, 0, 7]) await handle(rig, refOf(runId, batch));

      assert.equal(await rig.receive("run.advance"), undefined);
    });
  });

  test("a batch is worked on by one worker at a time", async () => {
    let twice = (): Promise<void> => Promise.resolve();
    const { work, calls } = counted(async () => {
      await twice();
      return ok;
    });
    await withBatches(1, work, async (rig, runId) => {
      twice = () => handle(rig, refOf(runId));
      await handle(rig, refOf(runId));
      assert.deepEqual(calls, [0]);
      twice = () => Promise.resolve();

      assert.deepEqual((await rig.settle(runId)).stages[0]?.counts, { seen: 1 });
    });
  });

  test("messages about what is not there are dropped", async () => {
    const { work, calls } = counted();
    await withBatches(1, work, async (rig, runId) => {
      await handle(rig, refOf("gone"));
      await handle(rig, refOf(runId, 7));
      await handle(rig, { ...refOf(runId), stage: "gone" });
      await handle(rig, { ...refOf(runId), track: "rollback" });

      assert.deepEqual(calls, []);
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    });
  });

  test("part of a batch may be done: what is left goes on from its progress", async () => {
    const progress: unknown[] = [];
    const { work } = counted((_context, batch) => {
      progress.push(batch.progress);
      if (progress.length === 1)
        return Promise.resolve({ more: true, progress: { at: "k" }, retryAfterMs: 7_000 });
      if (progress.length === 2) return Promise.resolve({ more: true });
      return Promise.resolve(ok);
    });
    await withBatches(1, work, async (rig, runId) => {
      await rig.handleDue();
      assert.equal(progress.length, 1);
      rig.clock.advance(6_999);
      await rig.handleDue();
      assert.equal(progress.length, 1);
      rig.clock.advance(1);
      await rig.handleDue();

      assert.deepEqual(progress, [undefined, { at: "k" }, { at: "k" }]);
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    });
  });

  test("progress forgets tries that failed before it", async () => {
    let calls = 0;
    const work: Work = () => {
      calls += 1;
      if (calls > 3 * SETTINGS.retry.maxAttempts) return Promise.resolve(ok);
      return calls % 2 === 0 ? Promise.resolve({ more: true }) : Promise.reject(failure("BUSY", true));
    };
    await withBatches(1, work, async (rig, runId) => {
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    });
  });
});

describe("batches that fail", () => {
  test("are tried again after a delay, while the others go on", async () => {
    let busy = true;
    const { work, calls } = counted((_context, { batch }) =>
      batch === 0 && busy ? Promise.reject(failure("BUSY", true)) : Promise.resolve(ok),
    );
    await withBatches(2, work, async (rig, runId) => {
      await rig.handleDue();
      assert.deepEqual(calls, [0, 1]);
      const record = await rig.ports.store.getBatch(refOf(runId));
      assert.deepEqual([record?.attempts, record?.stuck, record?.failure?.code], [1, false, "BUSY"]);
      busy = false;

      const { run, stages } = await rig.settle(runId);
      assert.deepEqual([run.state, stages[0]?.counts], ["Succeeded", { seen: 2 }]);
    });
  });

  for (const [how, retryable, tries] of [
    ["for good at once", false, 1],
    ["too often", true, SETTINGS.retry.maxAttempts],
  ] as const) {
    test(`${how} stop the run with their reason, the others having been done, until a person resumes it`, async () => {
      let broken = true;
      const { work, calls } = counted((_context, { batch }) =>
        batch === 1 && broken ? Promise.reject(failure("WRONG", retryable)) : Promise.resolve(ok),
      );
      await withBatches(3, work, async (rig, runId) => {
        const failed = await rig.settle(runId);
        assert.deepEqual([failed.run.state, failed.run.failure?.code], ["Failed", "WRONG"]);
        assert.deepEqual([failed.stages[0]?.openBatches, failed.stages[0]?.counts], [1, { seen: 2 }]);
        const told = (await rig.events(runId)).filter(({ type }) => type === "batch.failed");
        assert.deepEqual(
          told.map(({ data }) => [data["batch"], data["code"]]),
          [[1, "WRONG"]],
        );
        await handle(rig, refOf(runId, 1));
        assert.equal(calls.filter((batch) => batch === 1).length, tries, "a stuck batch is left alone");

        broken = false;
        await rig.engine.resume(runId);
        const settled = await rig.settle(runId);
        assert.deepEqual([settled.run.state, settled.stages[0]?.counts], ["Succeeded", { seen: 3 }]);
      });
    });
  }

  test("a resume that mends nothing fails again, with all tries", async () => {
    const { work, calls } = counted(() => Promise.reject(failure("BUSY", true)));
    await withBatches(1, work, async (rig, runId) => {
      await rig.settle(runId);
      await rig.engine.resume(runId);

      assert.equal((await rig.settle(runId)).run.state, "Failed");
      assert.equal(calls.length, 2 * SETTINGS.retry.maxAttempts);
    });
  });

  test("an interrupt is no failed try: the batch is worked on again", async () => {
    const stop = new AbortController();
    const { work, calls } = counted(() => {
      if (stop.signal.aborted) return Promise.resolve(ok);
      stop.abort();
      return Promise.reject(new Error("socket closed"));
    });
    await withBatches(1, work, async (rig, runId) => {
      const delivery = await rig.receive();
      assert.ok(delivery);
      await handle(rig, refOf(runId), stop.signal);
      await rig.ports.queue.acknowledge(delivery);

      assert.equal((await rig.ports.store.getBatch(refOf(runId)))?.attempts, 0);
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
      assert.equal(calls.length, 2);
    });
  });
});

describe("batches whose lease ran out", () => {
  for (const [how, outcome] of [
    ["says that it is done", () => Promise.resolve(ok)],
    ["says that more is left", () => Promise.resolve<BatchOutcome>({ more: true, progress: "stale" })],
    ["fails", () => Promise.reject(failure("BUSY", true))],
    ["breaks", () => Promise.reject(new Error("broken"))],
  ] as [string, () => Promise<BatchOutcome>][]) {
    test(`a worker that ${how} too late changes nothing, and does not stop`, async () => {
      let expire: (() => void) | undefined;
      const { work } = counted(() => {
        const late = expire;
        expire = undefined;
        if (late === undefined) return Promise.resolve(ok);
        late();
        return outcome();
      });
      await withBatches(1, work, async (rig, runId) => {
        const before = await rig.ports.store.getBatch(refOf(runId));
        expire = () => {
          rig.clock.advance(SETTINGS.leaseTtlMs);
        };
        await handle(rig, refOf(runId));

        assert.deepEqual(await rig.ports.store.getBatch(refOf(runId)), before);
        assert.deepEqual((await rig.settle(runId)).stages[0]?.counts, { seen: 1 });
      });
    });
  }

  test("a worker that comes back after its batch was finished by another changes nothing", async () => {
    let takeOver: (() => Promise<void>) | undefined;
    const { work, calls } = counted(async () => {
      const other = takeOver;
      takeOver = undefined;
      await other?.();
      return ok;
    });
    await withBatches(1, work, async (rig, runId) => {
      takeOver = async () => {
        rig.clock.advance(SETTINGS.leaseTtlMs);
        await rig.engineWith({ holder: "other" }).handle({ type: "batch.work", ...refOf(runId) }, NEVER);
      };
      await handle(rig, refOf(runId));

      assert.deepEqual(calls, [0, 0]);
      assert.deepEqual((await rig.settle(runId)).stages[0]?.counts, { seen: 1 });
    });
  });
});

describe("batches of a run that does not want work", () => {
  test("wait while it is paused, and go on when it is resumed", async () => {
    const { work, calls } = counted();
    await withBatches(2, work, async (rig, runId) => {
      await rig.engine.pause(runId);
      await rig.handleDue();
      assert.deepEqual(calls, []);

      await rig.engine.resume(runId);
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
      assert.deepEqual(calls, [0, 1]);
    });
  });

  test("are not begun once it is to be undone", async () => {
    const { work, calls } = counted();
    await withBatches(2, work, async (rig, runId) => {
      await rig.engine.undo(runId, "abort");

      const { run } = await rig.settle(runId);
      assert.deepEqual([run.state, calls], ["Aborted", []]);
    });
  });

  test("lost messages are made up for by the wake-up", async () => {
    const { work } = counted();
    await withBatches(3, work, async (rig, runId) => {
      for (let delivery = await rig.receive(); delivery !== undefined; delivery = await rig.receive()) {
        await rig.ports.queue.acknowledge(delivery);
      }

      assert.deepEqual((await rig.settle(runId)).stages[0]?.counts, { seen: 3 });
    });
  });

  test("a message that finds the batch in other hands comes again", async () => {
    const { work, calls } = counted();
    await withBatches(1, work, async (rig, runId) => {
      const lease = await rig.ports.store.acquireLease(
        batchLease(refOf(runId)),
        "other",
        SETTINGS.leaseTtlMs,
      );
      assert.ok(lease);
      await rig.handleDue();
      assert.deepEqual(calls, []);
      rig.clock.advance(SETTINGS.leaseTtlMs);

      await rig.handleDue();
      assert.deepEqual(calls, [0]);
    });
  });
});
