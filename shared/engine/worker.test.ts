import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { WorkQueue } from "./ports.ts";
import { isSettled } from "./settled.ts";
import { type Rig, withRig } from "./testing/rig.ts";
import { action, DONE, migrationOf, sweepOf } from "./testing/stages.ts";
import { runWorker } from "./worker.ts";

const SETTINGS = { batchConcurrency: 2, visibilityMs: 30_000 };

interface Running {
  stop: () => Promise<void>;
  ended: Promise<void>;
}

function startWorker(
  rig: Rig<null>,
  over: { queue?: WorkQueue; runId?: string; engine?: Rig<null>["engine"] } = {},
): Running {
  const { queue, clock } = rig.ports;
  const stop = new AbortController();
  const ports = { engine: over.engine ?? rig.engine, queue: over.queue ?? queue, clock };
  const settings = over.runId === undefined ? SETTINGS : { ...SETTINGS, runId: over.runId };
  const ended = runWorker(ports, settings, stop.signal);
  return {
    ended,
    stop: () => {
      stop.abort();
      return ended;
    },
  };
}

/** Lets time pass until the run goes no further by itself. */
async function settled(rig: Rig<null>, runId: string): Promise<string> {
  const wait = async () => {
    for (;;) {
      const { run, control } = await rig.engine.describe(runId);
      if (isSettled(run, control)) return run.state;
      await rig.clock.sleep(1_000);
    }
  };
  return rig.clock.runUntil(wait(), 60 * 60_000);
}

function withStages(
  stages: Parameters<typeof migrationOf<null>>[0],
  body: (rig: Rig<null>) => Promise<void>,
): Promise<void> {
  return withRig(null, [migrationOf(stages)], body);
}

const counted = () => Promise.resolve({ done: true as const, counts: { seen: 1 } });

describe("a worker", () => {
  test("takes runs to their end, several at a time, and acknowledges every message", () =>
    withStages([action("one"), sweepOf("copy", 5, counted)], async (rig) => {
      const worker = startWorker(rig);
      for (const runId of [await rig.start(), await rig.start()]) {
        assert.equal(await settled(rig, runId), "Succeeded");
      }
      await worker.stop();

      rig.clock.advance(24 * 60 * 60_000);
      assert.equal(await rig.receive(), undefined);
    }));

  test("works on as many batches at once as it was told", async () => {
    let most = 0;
    let now = 0;
    const work = async () => {
      now += 1;
      most = Math.max(most, now);
      await setImmediate();
      now -= 1;
      return counted();
    };
    await withStages([sweepOf("copy", 9, work)], async (rig) => {
      const worker = startWorker(rig);
      await settled(rig, await rig.start());
      await worker.stop();

      assert.equal(most, SETTINGS.batchConcurrency);
    });
  });

  test("makes up for messages that were lost", () =>
    withStages([sweepOf("copy", 2, counted)], async (rig) => {
      const runId = await rig.start();
      const lost = await rig.receive();
      assert.ok(lost);
      await rig.ports.queue.acknowledge(lost);

      const worker = startWorker(rig);
      assert.equal(await settled(rig, runId), "Succeeded");
      await worker.stop();
    }));

  test("keeps to one run where it was told so", () =>
    withStages([action("one")], async (rig) => {
      const other = await rig.start();
      const mine = await rig.start();
      const worker = startWorker(rig, { runId: mine });
      await settled(rig, mine);
      await worker.stop();

      assert.equal((await rig.engine.describe(other)).run.state, "Pending");
    }));

  test("stops only when what is under way has reached a safe point, and begins nothing more", async () => {
    let finish = (): void => undefined;
    let begun = false;
    const act = () => {
      begun = true;
      return new Promise<typeof DONE>((resolve) => {
        finish = () => {
          resolve(DONE);
        };
      });
    };
    await withStages([action("slow", act), action("next")], async (rig) => {
      const runId = await rig.start();
      const worker = startWorker(rig);
      while (!begun) await setImmediate();
      const stopping = worker.stop();
      assert.equal(
        await Promise.race([stopping.then(() => "stopped"), setImmediate("under way")]),
        "under way",
      );

      finish();
      await stopping;

      const { stages } = await rig.engine.describe(runId);
      assert.deepEqual(
        stages.map(({ stage, state }) => [stage, state]),
        [["slow", "done"]],
      );
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    });
  });

  test("keeps a message that it is handling hidden from others", async () => {
    mock.timers.enable({ apis: ["setInterval"] });
    let finish = (): void => undefined;
    let begun = false;
    const act = () => {
      begun = true;
      return new Promise<typeof DONE>((resolve) => {
        finish = () => {
          resolve(DONE);
        };
      });
    };
    try {
      await withStages([action("slow", act)], async (rig) => {
        await rig.start();
        const engine = rig.engineWith({ leaseTtlMs: 60 * 60_000 });
        const worker = startWorker(rig, { engine });
        while (!begun) await setImmediate();
        for (let seconds = 0; seconds < 120; seconds += 10) {
          rig.clock.advance(10_000);
          mock.timers.tick(10_000);
          await setImmediate();
          assert.equal(await rig.receive("run.advance"), undefined, `after ${seconds} s`);
        }
        finish();
        await worker.stop();
      });
    } finally {
      mock.timers.reset();
    }
  });

  test("ends with what makes working impossible, after everything else has stopped", () =>
    withStages([action("one")], async (rig) => {
      const { queue } = rig.ports;
      const broken: WorkQueue = {
        send: (messages) => queue.send(messages),
        receive: (query) => queue.receive(query),
        extend: (delivery, ms) => queue.extend(delivery, ms),
        acknowledge: () => Promise.reject(new Error("disk full")),
      };
      await rig.start();

      await assert.rejects(startWorker(rig, { queue: broken }).ended, /disk full/);
      assert.equal(rig.clock.sleepers, 0);
    }));
});
