import type { LaterSender } from "../../shared/adapters/aws/sqs/later-sender.ts";
import type { RollbackEnvironment } from "./environment.ts";

/** Sends what waits longer than a queue can delay, by one-off schedules; what makes them is loaded with the first one. */
export function scheduledLater(environment: RollbackEnvironment): LaterSender {
  let opening: Promise<LaterSender> | undefined;
  return {
    sendLater: async (message, at) => (await (opening ??= load(environment))).sendLater(message, at),
  };
}

async function load(environment: RollbackEnvironment): Promise<LaterSender> {
  const { openScheduler } = await import("./open-scheduler.ts");
  return openScheduler(environment);
}

/** For functions whose messages never wait so long. */
export const NEVER_LATER: LaterSender = {
  sendLater: ({ type, runId }) =>
    Promise.reject(
      new Error(`a message of type ${type} of run ${runId} waits longer than this function can delay`),
    ),
};
