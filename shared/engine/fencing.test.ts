import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { aCheckpoint } from "./contract/fixtures.ts";
import type { Engine } from "./engine.ts";
import type { BatchOutcome, StageContext, StageOutcome } from "./migration.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { NEVER, type Rig, SETTINGS, withRig } from "./testing/rig.ts";
import { action, DONE, failure, migrationOf, sweepOf, waitFor } from "./testing/stages.ts";

type Context = StageContext<null, JsonObject>;

/** A worker whose clock stands still: it does not notice that its lease runs out. */
function zombie(rig: Rig<null>): Engine<null> {
  return rig.engineWith({ holder: "zombie", clock: new ManualClock(rig.clock.now()) });
}

/** Everything in the store that a worker could change. */
async function contentOf(rig: Rig<null>, runId: string): Promise<unknown> {
  return {
    ...(await rig.engine.describe(runId)),
    events: await rig.events(runId),
    batch: await rig.ports.store.getBatch({ runId, track: "forward", stage: "one", batch: 0 }),
    checkpoints: await rig.ports.store.listCheckpoints(runId, "resources", { limit: 100 }),
  };
}

/** What a zombie may try when it comes back to an action, and how it may end. */
const acts: Readonly<Record<string, (context: Context) => Promise<StageOutcome>>> = {
  "says that it is done": () => Promise.resolve(DONE),
  waits: () => Promise.resolve(waitFor("stale")),
  fails: () => Promise.reject(failure("STALE", false)),
  "fails in a way that may pass": () => Promise.reject(failure("STALE", true)),
  "records notes": async (context) => {
    await context.record({ stale: true });
    return DONE;
  },
  "writes checkpoints": async (context) => {
    await context.ledger("resources").put([aCheckpoint("a", { state: "failed" })]);
    return DONE;
  },
  "announces something": async (context) => {
    await context.announce("stale", {});
    return DONE;
  },
};

/** The same for a batch. */
const works: Readonly<Record<string, (context: Context) => Promise<BatchOutcome>>> = {
  "says that it is done": () => Promise.resolve({ done: true, counts: { stale: 1 } }),
  "says that more is left": () => Promise.resolve({ more: true, progress: "stale" }),
  fails: () => Promise.reject(failure("STALE", false)),
  "writes checkpoints": async (context) => {
    await context.ledger("resources").put([aCheckpoint("a", { state: "failed" })]);
    return { done: true, counts: {} };
  },
};

describe("a worker that does not notice that its lease was taken over", () => {
  for (const [what, act] of Object.entries(acts)) {
    test(`changes nothing when its action ${what}`, async () => {
      let takeOver: (() => Promise<void>) | undefined;
      const stage = action<null>("one", async (context) => {
        const other = takeOver;
        takeOver = undefined;
        if (other !== undefined) {
          await other();
          return act(context);
        }
        await context.ledger("resources").put([aCheckpoint("a", { state: "applied" })]);
        await context.record({ fresh: true });
        return waitFor("fresh", 60_000);
      });
      await withRig(null, [migrationOf([stage])], async (rig) => {
        const runId = await rig.start();
        let before: unknown;
        takeOver = async () => {
          rig.clock.advance(SETTINGS.leaseTtlMs);
          await rig.engine.handle({ type: "run.advance", runId }, NEVER);
          before = await contentOf(rig, runId);
        };

        await zombie(rig).handle({ type: "run.advance", runId }, NEVER);

        assert.ok(before);
        assert.deepEqual(await contentOf(rig, runId), before);
      });
    });
  }

  for (const [what, work] of Object.entries(works)) {
    test(`changes nothing when its batch ${what}`, async () => {
      let takeOver: (() => Promise<void>) | undefined;
      const sweep = sweepOf<null>("one", 1, async (context) => {
        const other = takeOver;
        takeOver = undefined;
        if (other !== undefined) {
          await other();
          return work(context);
        }
        await context.ledger("resources").put([aCheckpoint("a", { state: "applied" })]);
        return { more: true, progress: "fresh", retryAfterMs: 60_000 };
      });
      await withRig(null, [migrationOf([sweep])], async (rig) => {
        const runId = await rig.start();
        await rig.handleDue(rig.engine, "run.advance");
        const message = { type: "batch.work", runId, track: "forward", stage: "one", batch: 0 } as const;
        let before: unknown;
        takeOver = async () => {
          rig.clock.advance(SETTINGS.leaseTtlMs);
          await rig.engine.handle(message, NEVER);
          before = await contentOf(rig, runId);
        };

        await zombie(rig).handle(message, NEVER);

        assert.ok(before);
        assert.deepEqual(await contentOf(rig, runId), before);
      });
    });
  }
});
