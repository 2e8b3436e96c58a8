import type { Snapshot } from "../drive/snapshot.ts";
import { timestamp } from "../output/durations.ts";
import type { Output } from "../world.ts";
import type { Reporter } from "./reporter.ts";
import { Throttle } from "./throttle.ts";
import { currentStage, type Viewer } from "./view.ts";

/** Tells how a run goes on in JSON lines: every event, and now and then one about the progress. */
export class JsonLinesReporter implements Reporter {
  readonly #stream: Output;
  readonly #viewer: Viewer;
  readonly #throttle = new Throttle();

  constructor(stream: Output, viewer: Viewer) {
    this.#stream = stream;
    this.#viewer = viewer;
  }

  show(snapshot: Snapshot): void {
    for (const { runId, sequence, type, time, data } of snapshot.events) {
      this.#say({ line: "event", run: runId, sequence, type, time: timestamp(time), data });
      this.#throttle.note(snapshot.now);
    }
    const view = this.#viewer.view(snapshot);
    const { runId, lockedMs } = view;
    const current = currentStage(view);
    if (current === undefined || !this.#throttle.due(snapshot.now)) return;
    const { name, done, total, perSecond, leftMs } = current;
    const time = timestamp(snapshot.now);
    this.#say({ line: "progress", run: runId, time, stage: name, done, total, perSecond, leftMs, lockedMs });
  }

  pause(): void {
    this.end();
  }

  end(): void {
    this.#throttle.reset();
  }

  #say(line: object): void {
    this.#stream.write(`${JSON.stringify(line)}\n`);
  }
}
