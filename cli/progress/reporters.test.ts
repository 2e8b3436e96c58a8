import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { anEvent } from "../../shared/engine/contract/fixtures.ts";
import { plainPaint } from "../output/paint.ts";
import { fakeMigration } from "../testing/fake-migration.ts";
import { Captured } from "../testing/fake-world.ts";
import { copyStage, snapshotAt } from "../testing/snapshots.ts";
import { JsonLinesReporter } from "./json-lines.ts";
import { PlainReporter } from "./plain.ts";
import type { Reporter } from "./reporter.ts";
import { TerminalReporter } from "./terminal.ts";
import { Viewer } from "./view.ts";

const viewer = (): Viewer => new Viewer(fakeMigration());

/** Twelve seconds of copying, looked at five times a second. */
function copying(reporter: Reporter): void {
  const started = anEvent(1, { type: "stage.started", time: 1000, data: { stage: "copy" } });
  reporter.show(snapshotAt(1, { stages: [copyStage(0)], events: [started] }));
  for (let tick = 1; tick <= 60; tick++) {
    reporter.show(snapshotAt(1 + tick / 5, { stages: [copyStage(tick * 10)] }));
  }
}

describe("plain lines", () => {
  test("are one for a state change, and at most one about the progress in five seconds", () => {
    const stream = new Captured();
    copying(new PlainReporter(stream, viewer()));
    assert.deepEqual(stream.text.trimEnd().split("\n"), [
      "1970-01-01T00:00:01Z  copy: copy nothing",
      "1970-01-01T00:00:06Z  copy: 250/1000, 50/s, about 15 s left",
      "1970-01-01T00:00:11Z  copy: 500/1000, 50/s, about 10 s left",
    ]);
  });

  test("name what happened, each in one line", () => {
    const stream = new Captured();
    const done = copyStage(1000, { state: "done", openBatches: 0, finishedAt: 6000 });
    const waiting = { stage: "unlock", reason: "Approval", message: "is it\nfine?" };
    const events = [
      anEvent(1, { type: "stage.completed", data: { stage: "copy" } }),
      anEvent(2, { type: "datastore.locked", data: { revision: 7 } }),
      anEvent(3, { type: "run.waiting", data: waiting }),
      anEvent(4, { type: "run.failed", data: { stage: "copy", code: "FAKE_BROKEN", message: "it broke" } }),
      anEvent(5, { type: "writes.dropped", data: { count: 2, writes: ["a", "b"], next: "Look at it." } }),
      anEvent(6, { type: "run.ended", data: { state: "Succeeded" } }),
    ];
    new PlainReporter(stream, viewer()).show(snapshotAt(9, { stages: [done], events }));
    const texts = stream.text
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/^\S+ {2}/, ""));
    assert.deepEqual(texts, [
      "copy: done, 1000 resources in 5.0 s (200/s)",
      "datastore locked revision=7",
      "unlock: waiting (Approval): is it fine?",
      "copy: failed: it broke (FAKE_BROKEN)",
      "WARNING: 2 accepted writes of others are out of force: Look at it.",
      "run Succeeded",
    ]);
  });
});

test("plain lines say at once and every minute that the datastore is locked", () => {
  const stream = new Captured();
  const reporter = new PlainReporter(stream, viewer());
  const lock = {
    datastore: "etcd",
    state: "locked",
    since: 0,
    told: true,
    forPersonMs: 0,
    lookAt: 0,
  } as const;
  for (const seconds of [60, 90, 119, 120, 179, 180]) reporter.show(snapshotAt(seconds, { run: { lock } }));
  assert.deepEqual(stream.text.match(/DATASTORE LOCKED for .* min 0 s/g), [
    "DATASTORE LOCKED for 1 min 0 s",
    "DATASTORE LOCKED for 2 min 0 s",
    "DATASTORE LOCKED for 3 min 0 s",
  ]);
});

test("JSON lines hold every event, and the progress at most once in five seconds", () => {
  const stream = new Captured();
  copying(new JsonLinesReporter(stream, viewer()));
  const lines = stream.text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.map(({ line }) => line),
    ["event", "progress", "progress"],
  );
  assert.deepEqual(lines[0]?.["type"], "stage.started");
  assert.deepEqual(
    [lines[1]?.["stage"], lines[1]?.["done"], lines[1]?.["total"], lines[1]?.["perSecond"]],
    ["copy", 250, 1000, 50],
  );
});

test("a terminal shows the last state of every stage, and gets its cursor back", () => {
  const stream = new Captured();
  stream.isTTY = true;
  const reporter = new TerminalReporter(stream, viewer(), plainPaint);
  copying(reporter);
  const hidden = stream.text.lastIndexOf("\u001b[?25l");
  reporter.end();
  assert.match(stream.text, /▸ copy +█+░+ {2}60% {2}600\/1,000, 50\/s, 8\.0 s left/);
  assert.ok(hidden >= 0 && stream.text.lastIndexOf("\u001b[?25h") > hidden);
  const length = stream.text.length;
  reporter.end();
  assert.equal(stream.text.length, length);
});
