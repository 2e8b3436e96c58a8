import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { IEvent } from "etcd3";
import fc from "fast-check";
import { ChangeCursor } from "./change-cursor.ts";

const HEAD = { create_revision: "1", version: "1", lease: "0" };

function event(revision: number, key: string): IEvent {
  const kv = { ...HEAD, key: Buffer.from(key), value: Buffer.from(key), mod_revision: String(revision) };
  return { type: revision % 3 === 0 ? "Delete" : "Put", kv, prev_kv: kv };
}

interface Message {
  events: IEvent[];
  fragment: boolean;
}

/** What a server sends to a watch from a revision: whole revisions, fragmented every `size` events. */
function messages(history: readonly IEvent[], from: number, size: number): Message[] {
  const events = history.filter(({ kv }) => Number(kv.mod_revision) >= from);
  const count = Math.ceil(events.length / size);
  return Array.from({ length: count }, (_, index) => ({
    events: events.slice(index * size, (index + 1) * size),
    fragment: index < count - 1,
  }));
}

const eventsPerRevision = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 12 });

/** One watch: how many events a fragment holds, and how many fragments arrive before the connection is lost. */
const watch = fc.record({ size: fc.integer({ min: 1, max: 4 }), received: fc.nat(8) });

describe("ChangeCursor", () => {
  it("gives each event of the stretch once and in order, however the watch is cut and lost", () => {
    fc.assert(
      fc.property(
        eventsPerRevision,
        fc.nat(12),
        fc.array(watch, { maxLength: 20 }),
        (counts, after, watches) => {
          const through = counts.length + 1;
          const history = [...counts, 1].flatMap((count, index) =>
            Array.from({ length: count }, (_, n) => event(index + 1, `${index + 1}-${n}`)),
          );
          const later = event(through + 1, "later");
          const cursor = new ChangeCursor(after, through);
          const seen: string[] = [];
          for (const { size, received } of [...watches, { size: 1_000, received: 1 }]) {
            if (cursor.isDone()) break;
            cursor.restart();
            const all = messages([...history, later], cursor.complete + 1, size);
            for (const message of all.slice(0, received)) {
              seen.push(...cursor.accept(message).map(({ key }) => key));
            }
          }
          const expected = history
            .filter(({ kv }) => Number(kv.mod_revision) > after)
            .map(({ kv }) => kv.key.toString());
          assert.deepEqual(seen, expected);
        },
      ),
    );
  });

  it("is not done while a fragment may leave out events of the last revision", () => {
    const cursor = new ChangeCursor(4, 5);
    assert.equal(cursor.accept({ events: [event(5, "a")], fragment: true }).length, 1);
    assert.equal(cursor.isDone(), false);
    assert.equal(cursor.accept({ events: [event(5, "b")], fragment: false }).length, 1);
    assert.equal(cursor.isDone(), true);
  });

  it("gives puts with their value and deletions without", () => {
    const cursor = new ChangeCursor(0, 9);
    assert.deepEqual(cursor.accept({ events: [event(2, "a"), event(3, "b")], fragment: false }), [
      { type: "put", key: "a", value: Buffer.from("a"), modRevision: 2 },
      { type: "delete", key: "b", modRevision: 3 },
    ]);
  });

  it("is done at once when the stretch is empty", () => {
    assert.equal(new ChangeCursor(5, 5).isDone(), true);
  });
});
