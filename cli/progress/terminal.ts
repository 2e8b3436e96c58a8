import cliProgress from "cli-progress";
import type { Snapshot } from "../drive/snapshot.ts";
import { oneLine, unguarded } from "../output/escape.ts";
import type { Paint } from "../output/paint.ts";
import type { Output } from "../world.ts";
import { frame } from "./frame.ts";
import type { Reporter } from "./reporter.ts";
import type { Viewer } from "./view.ts";

const FRAMES_PER_SECOND = 8;

/** What a line of the frame is to cli-progress. */
interface Line {
  text: string;
}

/** Keeps one line for each stage up to date on a terminal. */
export class TerminalReporter implements Reporter {
  readonly #stream: Output;
  readonly #viewer: Viewer;
  readonly #paint: Paint;
  #bars: cliProgress.MultiBar | undefined;
  #lines: cliProgress.SingleBar[] = [];

  constructor(stream: Output, viewer: Viewer, paint: Paint) {
    this.#stream = stream;
    this.#viewer = viewer;
    this.#paint = paint;
  }

  show(snapshot: Snapshot): void {
    const texts = frame(this.#viewer.view(snapshot), this.#paint, this.#stream.rows).map(oneLine);
    const bars = (this.#bars ??= this.#open());
    for (const [index, text] of texts.entries()) {
      const line = this.#lines[index];
      if (line === undefined) this.#lines.push(bars.create(1, 0, { text }));
      else line.update({ text });
    }
  }

  pause(): void {
    this.end();
  }

  end(): void {
    this.#bars?.stop();
    this.#bars = undefined;
    this.#lines = [];
  }

  #open(): cliProgress.MultiBar {
    return new cliProgress.MultiBar({
      stream: unguarded(this.#stream),
      fps: FRAMES_PER_SECOND,
      // Stopping at Ctrl-C is decided elsewhere.
      gracefulExit: false,
      hideCursor: true,
      format: (_options, _params, payload) => (payload as Line).text,
    });
  }
}
