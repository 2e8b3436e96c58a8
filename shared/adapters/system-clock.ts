import type { Clock } from "../engine/ports.ts";

/** The longest time that a timer of Node can wait; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The clock of the machine. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    for (let left = ms; left > 0 && signal?.aborted !== true; left -= longestTimerMs) {
      await timer(Math.min(left, longestTimerMs), signal);
    }
  }
}

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(handle);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const handle = setTimeout(wake, ms);
    signal?.addEventListener("abort", wake, { once: true });
  });
}
