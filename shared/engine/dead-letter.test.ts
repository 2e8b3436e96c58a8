import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type DeadLetter, type DeadLetterOutcome, recordDeadLetter } from "./dead-letter.ts";
import { batchLease, runLease } from "./lease-names.ts";
import type { WorkMessage } from "./ports.ts";
import { type Rig, SETTINGS, withRig } from "./testing/rig.ts";
import { action, gate, migrationOf, sweepOf, waitFor } from "./testing/stages.ts";

type Stages = Parameters<typeof migrationOf<undefined>>[0];

const counted = () => Promise.resolve({ done: true as const, counts: { done: 1 } });
const copy = sweepOf<undefined>("copy", 2, counted);

/** A run whose first message has been taken from the queue; nobody has handled it unless `advanced`. */
function withRun(
  stages: Stages,
  body: (rig: Rig<undefined>, runId: string) => Promise<void>,
  advanced = false,
): Promise<void> {
  return withRig(undefined, [migrationOf(stages)], async (rig) => {
    const runId = await rig.start();
    const delivery = await rig.receive();
    assert.ok(delivery);
    if (advanced) await rig.engine.handle(delivery.message, new AbortController().signal);
    await rig.ports.queue.acknowledge(delivery);
    await body(rig, runId);
  });
}

function record(rig: Rig<undefined>, runId: string, work?: WorkMessage): Promise<DeadLetterOutcome> {
  const letter: DeadLetter = { queue: "batches", messageId: "m-1", receives: 5, runId };
  return recordDeadLetter(
    { ...rig.ports, ...SETTINGS, holder: "dead-letter" },
    work ? { ...letter, work } : letter,
  );
}

const advance = (runId: string): WorkMessage => ({ type: "run.advance", runId });
const batch = (runId: string, number = 0): WorkMessage & { type: "batch.work" } => ({
  type: "batch.work",
  runId,
  track: "forward",
  stage: "copy",
  batch: number,
});

describe("a batch that was given up", () => {
  test("fails its run, which says why, and which goes on when it is resumed", () =>
    withRun(
      [copy],
      async (rig, runId) => {
        assert.equal(await record(rig, runId, batch(runId)), "abandoned");

        const { run } = await rig.engine.describe(runId);
        assert.equal(run.state, "Failed");
        assert.equal(run.failure?.code, "WORK_ABANDONED");
        assert.match(run.failure.message, /batch 0 of copy.*5 deliveries.*m-1.*batches/);
        assert.match(run.failure.next, new RegExp(`resume ${runId}`));
        assert.deepEqual(
          rig.told.slice(-2).map(({ type }) => type),
          ["message.dead-lettered", "run.failed"],
        );
        assert.deepEqual(rig.told.at(-2)?.data, { queue: "batches", messageId: "m-1", receives: 5 });
        assert.equal(run.eventsDelivered, run.eventSequence);

        await rig.engine.resume(runId);
        assert.equal((await rig.settle(runId)).run.state, "Succeeded");
      },
      true,
    ));

  test("that another message has done is only told of", () =>
    withRun(
      [copy],
      async (rig, runId) => {
        await rig.engine.handle(batch(runId), new AbortController().signal);

        assert.equal(await record(rig, runId, batch(runId)), "told");

        assert.equal((await rig.engine.describe(runId)).run.state, "Running");
        assert.equal((await rig.settle(runId)).run.state, "Succeeded");
      },
      true,
    ));

  test("that a worker is at is looked at again", () =>
    withRun(
      [copy],
      async (rig, runId) => {
        await rig.ports.store.acquireLease(batchLease(batch(runId)), "worker", SETTINGS.leaseTtlMs);
        assert.equal(await record(rig, runId, batch(runId)), "busy");
        assert.equal((await rig.engine.describe(runId)).run.state, "Running");

        rig.clock.advance(SETTINGS.leaseTtlMs + 1);
        assert.equal(await record(rig, runId, batch(runId)), "abandoned");
      },
      true,
    ));

  test("of a direction that the run has left is only told of", () =>
    withRun(
      [copy],
      async (rig, runId) => {
        await rig.engine.undo(runId, "abort");
        await rig.settle(runId);
        assert.equal(await record(rig, runId, batch(runId)), "told");
        assert.equal((await rig.engine.describe(runId)).run.state, "Aborted");
      },
      true,
    ));
});

describe("a run's next step that was given up", () => {
  test("fails the run when nobody takes it once its time has come", () =>
    withRun([action("one")], async (rig, runId) => {
      rig.clock.advance(60_000);
      assert.equal(await record(rig, runId, advance(runId)), "abandoned");

      const { run } = await rig.engine.describe(runId);
      assert.match(run.failure?.message ?? "", /the run's next step/);
      await rig.engine.resume(runId);
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    }));

  test("is only told of when the run went on without it", () =>
    withRun(
      [gate("wait", () => Promise.resolve(waitFor("nothing", 300_000)))],
      async (rig, runId) => {
        rig.clock.advance(60_000);
        assert.equal(await record(rig, runId, advance(runId)), "told");
        assert.equal((await rig.engine.describe(runId)).run.state, "Waiting");
      },
      true,
    ));

  test("is only told of when the run waits for a person, or has ended", async () => {
    await withRun(
      [action("one", undefined, { pointOfNoReturn: true })],
      async (rig, runId) => {
        rig.clock.advance(600_000);
        assert.equal(await record(rig, runId, advance(runId)), "told");
        await rig.engine.approve(runId, "ann");
        await rig.settle(runId);
        assert.equal(await record(rig, runId, advance(runId)), "told");
        assert.equal((await rig.engine.describe(runId)).run.state, "Succeeded");
      },
      true,
    );
  });

  test("fails a run that a person has resumed or approved in vain", () =>
    withRun(
      [action("one", undefined, { pointOfNoReturn: true })],
      async (rig, runId) => {
        await rig.engine.approve(runId, "ann");
        assert.equal(await record(rig, runId, advance(runId)), "abandoned");

        await rig.engine.resume(runId);
        assert.equal(await record(rig, runId, advance(runId)), "abandoned");

        await rig.engine.resume(runId);
        assert.equal((await rig.settle(runId)).run.state, "Succeeded");
      },
      true,
    ));

  test("is looked at again while a worker is at the run", () =>
    withRun([action("one")], async (rig, runId) => {
      await rig.ports.store.acquireLease(runLease(runId), "worker", SETTINGS.leaseTtlMs);
      assert.equal(await record(rig, runId, advance(runId)), "busy");
      assert.deepEqual(rig.told, []);
    }));
});

describe("a message that nobody understands", () => {
  test("is told of in the run that it names, which goes on", () =>
    withRun(
      [copy],
      async (rig, runId) => {
        assert.equal(await record(rig, runId), "told");

        const { run } = await rig.engine.describe(runId);
        assert.equal(run.state, "Running");
        const condition = run.conditions.find(({ type }) => type === "DeadLettered");
        assert.equal(condition?.status, "True");
        assert.match(condition.message, /m-1.*batches/);
        assert.equal(rig.told.at(-1)?.type, "message.dead-lettered");
        assert.equal((await rig.settle(runId)).run.state, "Succeeded");
      },
      true,
    ));

  test("for a run that is not there changes nothing", () =>
    withRun([copy], async (rig) => {
      assert.equal(await record(rig, "another"), "unknown");
    }));
});

test("what the sink does not take is told when the run is woken", () =>
  withRun(
    [copy],
    async (rig, runId) => {
      const emit = rig.ports.events.emit.bind(rig.ports.events);
      rig.ports.events.emit = () => Promise.reject(new Error("the bus is away"));
      assert.equal(await record(rig, runId, batch(runId)), "abandoned");
      rig.ports.events.emit = emit;

      rig.clock.advance(60_000);
      assert.deepEqual(await rig.engine.wakeDue(), [runId]);
      await rig.handleDue();

      assert.deepEqual(
        rig.told.slice(-2).map(({ type }) => type),
        ["message.dead-lettered", "run.failed"],
      );
    },
    true,
  ));

test("work that was given up inside the lock has the run undone by itself", () => {
  const lock = action<undefined>("lock", async (context) => {
    await context.tellLock("locked", "etcd");
    return { done: true };
  });
  const unlock = action<undefined>("unlock-back", async (context) => {
    await context.tellLock("unlocked", "etcd");
    return { done: true };
  });
  return withRun(
    [{ ...lock, undo: [unlock] }, copy],
    async (rig, runId) => {
      assert.equal(await record(rig, runId, batch(runId)), "abandoned");
      const { run } = await rig.engine.describe(runId);
      assert.deepEqual([run.state, run.nextWakeAt], ["Failed", rig.clock.now()]);

      await rig.engine.wakeDue();
      await rig.handleDue();

      const back = await rig.settle(runId);
      assert.equal(back.run.state, "RolledBack");
      assert.equal(back.control.undoCause?.failure.code, "WORK_ABANDONED");
    },
    true,
  );
});
