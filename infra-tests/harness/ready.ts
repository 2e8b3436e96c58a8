import { errorMessage } from "../../shared/errors.ts";
import type { ServerProcess } from "./processes.ts";
import { StopWaiting, waitUntil } from "./wait.ts";

/**
 * Waits until `probe` holds for a server just started. When the server ends first, or is not ready within
 * `timeoutMs`, kills it and throws an Error that shows the end of its log.
 */
export async function untilReady(
  server: ServerProcess,
  probe: () => Promise<boolean>,
  timeoutMs = 180_000,
): Promise<void> {
  try {
    await waitUntil({ what: `${server.name} is ready`, timeoutMs, intervalMs: 40 }, () => {
      if (!server.running()) throw new StopWaiting(`${server.name} ended at once`);
      return probe();
    });
  } catch (error) {
    await server.end("SIGKILL");
    throw new Error(`${errorMessage(error)}; the end of its log:\n${server.logTail()}`, { cause: error });
  }
}
