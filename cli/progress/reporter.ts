import type { Snapshot } from "../drive/snapshot.ts";

/** Tells people or programs how a run goes on. */
export interface Reporter {
  /** Tells what the snapshot adds to the one before. */
  show(snapshot: Snapshot): void;
  /** Leaves the terminal to a question; the next `show` goes on. */
  pause(): void;
  /** Leaves what was told as it is; nothing is shown live any more. */
  end(): void;
}

/** Tells nothing. */
export const silentReporter: Reporter = {
  show: () => undefined,
  pause: () => undefined,
  end: () => undefined,
};
