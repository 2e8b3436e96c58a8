import { textAt } from "../../shared/kubernetes/fields.ts";
import type { Snapshot } from "../drive/snapshot.ts";
import type { Reporter } from "../progress/reporter.ts";

/**
 * Tells how the checks go on, and nothing of the run that makes them in a store of its own: for whoever looks, no run starts, and
 * none waits before the stage that it is stopped at.
 */
export class ChecksReporter implements Reporter {
  readonly #inner: Reporter;
  readonly #stop: string | undefined;

  constructor(inner: Reporter, stop: string | undefined) {
    this.#inner = inner;
    this.#stop = stop;
  }

  show(snapshot: Snapshot): void {
    const events = snapshot.events.filter(({ type, data }) => {
      if (type === "run.started" || type === "run.ended") return false;
      return type !== "run.waiting" || textAt(data, "stage") !== this.#stop;
    });
    this.#inner.show({ ...snapshot, events, run: this.#unmet(snapshot.run) });
  }

  pause(): void {
    this.#inner.pause();
  }

  end(): void {
    this.#inner.end();
  }

  /** It goes by the migration's name: nobody ever meets the run's own. */
  #unmet(run: Snapshot["run"]): Snapshot["run"] {
    const named = { ...run, runId: run.migration };
    if (run.stage !== this.#stop) return named;
    const { stage, waiting, ...rest } = named;
    return { ...rest, state: "Running" };
  }
}
