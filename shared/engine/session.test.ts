import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EventSink } from "./ports.ts";
import type { DomainEvent } from "./records.ts";
import { NEVER, type Rig, withRig } from "./testing/rig.ts";
import { action, DONE, failure, migrationOf } from "./testing/stages.ts";

const migration = migrationOf<null>([
  action("one"),
  action("two", async (context) => {
    await context.announce("things.moved", { count: 3 });
    return DONE;
  }),
]);

/** A sink that refuses the deliveries whose number `fails` picks. */
function sinkThat(fails: (delivery: number) => boolean): EventSink & { got: DomainEvent[] } {
  let deliveries = 0;
  const got: DomainEvent[] = [];
  const emit = (events: readonly DomainEvent[]) => {
    deliveries += 1;
    if (fails(deliveries)) return Promise.reject(new Error("the bus is away"));
    got.push(...events);
    return Promise.resolve();
  };
  return { got, emit };
}

function withRun(body: (rig: Rig<null>) => Promise<void>): Promise<void> {
  return withRig(null, [migration], body);
}

function sequences(events: readonly DomainEvent[]): number[] {
  return events.map(({ sequence }) => sequence);
}

describe("events", () => {
  test("tell of a run from beginning to end, in order, and reach the sink once", () =>
    withRun(async (rig) => {
      const { run } = await rig.run();
      await rig.engine.handle({ type: "run.advance", runId: run.runId }, NEVER);

      assert.deepEqual(
        rig.told.map(
          ({ type, data }) => `${type} ${JSON.stringify(data["stage"] ?? data["state"] ?? data["count"])}`,
        ),
        [
          "run.started undefined",
          'stage.started "one"',
          'stage.completed "one"',
          'stage.started "two"',
          "things.moved 3",
          'stage.completed "two"',
          'run.ended "Succeeded"',
        ],
      );
      assert.deepEqual(await rig.events(run.runId), rig.told);
      assert.deepEqual(
        sequences(rig.told),
        rig.told.map((_, index) => index + 1),
      );
    }));

  for (const [which, fails] of [
    ["the first time", (n) => n === 1],
    ["every other time", (n) => n % 2 === 1],
    ["for a while", (n) => n > 2 && n < 9],
  ] as [string, (delivery: number) => boolean][]) {
    test(`reach a sink that fails ${which}, in order and none left out`, () =>
      withRun(async (rig) => {
        const sink = sinkThat(fails);
        const engine = rig.engineWith({ events: sink });
        const { run } = await rig.settle(await rig.start(), engine);
        for (let minutes = 0; minutes < 5; minutes += 1) {
          rig.clock.advance(60_000);
          await engine.wakeDue();
          await rig.handleDue(engine);
        }

        assert.equal(run.state, "Succeeded");
        assert.deepEqual(sequences(sink.got), sequences(await rig.events(run.runId)));
      }));
  }

  test("a sink that is away holds nothing up, and gets the end of a run that has ended or failed", () =>
    withRun(async (rig) => {
      const failing = migrationOf<null>([action("one", () => Promise.reject(failure("WRONG", false)))]);
      for (const migrations of [[migration], [failing]]) {
        let away = true;
        const sink = sinkThat(() => away);
        const engine = rig.engineWith({ events: sink }, migrations);
        const { run } = await rig.settle(await rig.start(), engine);
        assert.deepEqual(sink.got, []);

        away = false;
        rig.clock.advance(60_000);
        await engine.wakeDue();
        await rig.handleDue(engine);

        assert.deepEqual(sequences(sink.got), sequences(await rig.events(run.runId)));
        rig.clock.advance(60_000);
        assert.deepEqual(await engine.wakeDue(), [], "an end that is told needs no look any more");
      }
    }));
});

describe("phases", () => {
  const phase = ({ state, stage = "" }: { state: string; stage?: string }): string =>
    `${state} ${stage}`.trim();

  test("are told with the events of the run and its stages, as they are from there on", () =>
    withRig(null, [{ ...migration, phase }], async (rig) => {
      await rig.run();
      assert.deepEqual(
        rig.told.map(({ type, data }) => [type, data["phase"]]),
        [
          ["run.started", "Running one"],
          ["stage.started", "Running one"],
          ["stage.completed", "Running two"],
          ["stage.started", "Running two"],
          ["things.moved", undefined],
          ["stage.completed", "Succeeded"],
          ["run.ended", "Succeeded"],
        ],
      );
    }));

  test("are not told where a migration has none", () =>
    withRun(async (rig) => {
      await rig.run();
      assert.ok(rig.told.every(({ data }) => !("phase" in data)));
    }));
});
