import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { anEvent } from "../../engine/contract/fixtures.ts";
import { EmbeddedEventSink } from "./event-sink.ts";

describe("the embedded event sink", () => {
  test("tells every listener every event, in order", async () => {
    const sink = new EmbeddedEventSink();
    const [first, second]: [number[], number[]] = [[], []];
    sink.subscribe((event) => first.push(event.sequence));
    sink.subscribe((event) => second.push(event.sequence));

    await sink.emit([anEvent(1), anEvent(2)]);
    await sink.emit([anEvent(3)]);

    assert.deepEqual(
      [first, second],
      [
        [1, 2, 3],
        [1, 2, 3],
      ],
    );
  });

  test("tells nobody who has left", async () => {
    const sink = new EmbeddedEventSink();
    const told: number[] = [];
    const leave = sink.subscribe((event) => told.push(event.sequence));

    await sink.emit([anEvent(1)]);
    leave();
    await sink.emit([anEvent(2)]);

    assert.deepEqual(told, [1]);
  });

  test("tells the others and fails when a listener fails", async () => {
    const sink = new EmbeddedEventSink();
    const told: number[] = [];
    sink.subscribe(() => {
      throw new Error("no paper");
    });
    sink.subscribe((event) => told.push(event.sequence));

    await assert.rejects(sink.emit([anEvent(1), anEvent(2)]), /no paper/);

    assert.deepEqual(told, [1, 2]);
  });
});
