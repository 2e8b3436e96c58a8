import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import type { WorkMessage } from "../../engine/ports.ts";
import { ManualClock } from "../../engine/testing/manual-clock.ts";
import { Database } from "./database.ts";
import { holderName, openEmbedded } from "./index.ts";
import { withStorePath } from "./testing/temporary-store.ts";
import { EmbeddedWorkQueue } from "./work-queue.ts";

const message: WorkMessage = { type: "run.advance", runId: "r1" };
const query = { max: 10, visibilityMs: 1_000, waitMs: 60_000 };

describe("the embedded queue", () => {
  test("does not let a late handler take away what was delivered to another", () =>
    withStorePath(async (path) => {
      const clock = new ManualClock();
      const { queue, close } = openEmbedded(path, { clock });
      await queue.send([{ message }]);
      const [late] = await queue.receive(query);
      assert.ok(late);
      clock.advance(query.visibilityMs);
      await queue.receive(query);

      await queue.acknowledge(late);
      await queue.extend(late, 100 * query.visibilityMs);
      clock.advance(query.visibilityMs);

      assert.equal((await queue.receive({ ...query, waitMs: 0 })).length, 1);
      close();
    }));

  test("gives at once what a dead process of this host had received, and nothing of a living one", () =>
    withStorePath(async (path) => {
      const clock = new ManualClock();
      const { queue, close } = openEmbedded(path, { clock });
      const { pid } = spawnSync(process.execPath, ["-e", ""]);
      const receivers = [holderName().replace(`:${process.pid}:`, `:${pid}:`), holderName()];
      const database = Database.open(path);
      for (const [index, receiver] of receivers.entries()) {
        await queue.send([{ message: { ...message, runId: `r${index}` } }]);
        const other = new EmbeddedWorkQueue(database, clock, receiver);
        assert.equal((await other.receive({ ...query, runId: `r${index}` })).length, 1);
      }
      await queue.send([{ message: { ...message, runId: "delayed" }, delayMs: 500 }]);

      const received = await queue.receive({ ...query, waitMs: 0 });

      assert.deepEqual(
        received.map((delivery) => delivery.message.runId),
        ["r0"],
      );
      assert.deepEqual(await queue.receive({ ...query, waitMs: 0 }), []);
      database.close();
      close();
    }));

  test("wakes a receiver without any time passing when this process sends or gives back", () =>
    withStorePath(async (path) => {
      const { queue, close } = openEmbedded(path, { clock: new ManualClock() });

      const first = queue.receive(query);
      await queue.send([{ message }]);
      const [delivery] = await first;
      assert.ok(delivery);
      const second = queue.receive(query);
      await queue.extend(delivery, 0);

      assert.deepEqual((await second)[0]?.message, message);
      close();
    }));

  test("gives a delayed message when it is due, not at its next look", () =>
    withStorePath(async (path) => {
      const clock = new ManualClock();
      const { queue, close } = openEmbedded(path, { clock });
      await queue.send([{ message, delayMs: 50 }]);
      const sent = clock.now();

      await clock.runUntil(queue.receive(query));

      assert.equal(clock.now(), sent + 50);
      close();
    }));

  test("notices within its next look what another connection sent", () =>
    withStorePath(async (path) => {
      const clock = new ManualClock();
      const [here, there] = [openEmbedded(path, { clock }), openEmbedded(path, { clock })];
      const receiving = here.queue.receive(query);

      await there.queue.send([{ message }]);
      const [delivery] = await clock.runUntil(receiving, 1_000);

      assert.deepEqual(delivery?.message, message);
      here.close();
      there.close();
    }));

  test("stores what waits to be delivered once, though its members come in another order", () =>
    withStorePath(async (path) => {
      const { queue, close } = openEmbedded(path, { clock: new ManualClock() });

      await queue.send([{ message }, { message: { runId: "r1", type: "run.advance" } }]);

      assert.equal((await queue.receive(query)).length, 1);
      close();
    }));

  test("lets waiting receivers go when it is closed, and refuses those who ask later", () =>
    withStorePath(async (path) => {
      const { queue, close } = openEmbedded(path, { clock: new ManualClock() });
      const receiving = queue.receive(query);

      close();

      assert.deepEqual(await receiving, []);
      await assert.rejects(queue.receive(query), /closed/);
    }));
});
