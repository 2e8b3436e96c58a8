import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Command, CommandMeta } from "../../events/commands.ts";
import { type Rig, withRig } from "../../shared/engine/testing/rig.ts";
import { action, failure, migrationOf } from "../../shared/engine/testing/stages.ts";
import { carryOutRunCommand } from "../run/handler.ts";
import { bodyOf, recordOf } from "../testing/events.ts";
import { QueueRig } from "../testing/queue-rig.ts";
import { overriding } from "./overriding.ts";

const HOUR_MS = 3_600_000;
const PAUSE: Command = { type: "PauseRun", data: { runId: "run-1", by: "ann" } };
const RESUME: Command = { type: "ResumeRun", data: { runId: "run-1", by: "ann" } };

function withQueue(body: (queue: QueueRig<undefined>, rig: Rig<undefined>) => Promise<void>): Promise<void> {
  return withRig(undefined, [migrationOf([action<undefined>("one")])], async (rig) => {
    const request = { runId: "run-1", migration: "test", cluster: "east", options: {}, approvals: [] };
    await rig.engine.start(request);
    await body(new QueueRig(rig, carryOutRunCommand), rig);
  });
}

async function send(
  queue: QueueRig<undefined>,
  command: Command,
  meta: Partial<CommandMeta> = {},
): Promise<boolean> {
  const record = recordOf(bodyOf(command, meta), { receives: 9 });
  return (await queue.handle([record])).batchItemFailures.length === 0;
}

async function controlOf(rig: Rig<undefined>) {
  return (await rig.engine.describe("run-1")).control;
}

describe("a command", () => {
  test("that comes again late does not undo what was asked for since", () =>
    withQueue(async (queue, rig) => {
      assert.ok(await send(queue, PAUSE, { id: "a" }));
      assert.ok(await send(queue, RESUME, { id: "b" }));
      assert.ok(await send(queue, PAUSE, { id: "a" }));

      assert.equal((await controlOf(rig)).pause, false);
      assert.deepEqual(queue.refusals, []);
      assert.ok(await send(queue, PAUSE, { id: "a", source: "another" }), "ids are those of their source");
      assert.equal((await controlOf(rig)).pause, true);
    }));

  test("is counted once, and sends the run off again in case that was left undone", () =>
    withQueue(async (queue, rig) => {
      await send(queue, RESUME, { id: "a" });
      const { retries } = await controlOf(rig);
      const { length } = queue.sent;
      await send(queue, RESUME, { id: "a" });
      assert.equal((await controlOf(rig)).retries, retries);
      assert.ok(queue.sent.length > length);
    }));

  test("changes the run once, though it was not known to have come when it began", () =>
    withQueue(async (queue, rig) => {
      await send(queue, RESUME, { id: "a" });
      const { retries } = await controlOf(rig);
      // As it is for two functions at the same time.
      const { store } = rig.ports;
      const blind = async (runId: string) => {
        const control = await store.getControl(runId);
        if (control !== undefined) delete control.commands;
        return control;
      };
      rig.ports.store = overriding(store, { getControl: blind });
      await send(queue, RESUME, { id: "a" });
      rig.ports.store = store;
      assert.equal((await controlOf(rig)).retries, retries);
    }));

  test("is not taken for done where recording it failed", () =>
    withQueue(async (queue, rig) => {
      const { store } = rig.ports;
      const updateControl = () => Promise.reject(failure("STORE_BUSY", true));
      rig.ports.store = overriding(store, { updateControl });
      assert.equal(await send(queue, PAUSE, { id: "a" }), false);
      rig.ports.store = store;
      assert.ok(await send(queue, PAUSE, { id: "a" }));
      assert.equal((await controlOf(rig)).pause, true);
    }));

  test("that starts a run is not refused when it comes again after it has expired", () =>
    withQueue(async (queue, rig) => {
      const notAfter = new Date(rig.clock.now() + 1_000).toISOString();
      const data = { migration: "test", cluster: "west", options: {}, approvals: [], by: "ann", notAfter };
      const start: Command = { type: "StartRun", data: { runId: "run-2", ...data } };
      assert.ok(await send(queue, start, { id: "a" }));
      rig.clock.advance(1_001);
      assert.ok(await send(queue, start, { id: "a" }));
      assert.equal(queue.refusals.length, 0);
      assert.ok(await send(queue, { type: "StartRun", data: { runId: "run-3", ...data } }));
      assert.equal(queue.refusals[0]?.code, "COMMAND_EXPIRED");
    }));

  test("is refused once it has expired, and taken until then", () =>
    withQueue(async (queue, rig) => {
      const notAfter = new Date(rig.clock.now() + 1_000).toISOString();
      const pause: Command = { type: "PauseRun", data: { runId: "run-1", by: "ann", notAfter } };
      rig.clock.advance(1_001);
      assert.ok(await send(queue, pause));
      assert.equal((await controlOf(rig)).pause, false);
      assert.equal(queue.refusals[0]?.code, "COMMAND_EXPIRED");
      assert.match(queue.refusals[0].message, new RegExp(`PauseRun came after ${notAfter}`));
      assert.match(
        queue.refusals[0].next,
        /`calico-migrator describe RUN --aws`, and send the command again if it is still/,
      );

      rig.clock.advance(-1);
      assert.ok(await send(queue, pause));
      assert.equal((await controlOf(rig)).pause, true);

      await send(queue, RESUME);
      rig.clock.advance(HOUR_MS);
      assert.ok(await send(queue, PAUSE), "sent again, it is taken");
      assert.equal((await controlOf(rig)).pause, true);
    }));
});
