import { entryPoint } from "../runtime/entry.ts";
import { BatchEnvironment, readEnvironment } from "../runtime/environment.ts";
import { NEVER_LATER } from "../runtime/later.ts";
import { queueHandler } from "../runtime/queue-handler.ts";
import { assembleWorker } from "../runtime/worker.ts";
import { NO_EVENTS } from "./no-events.ts";

const environment = readEnvironment(BatchEnvironment);

/** Works on batches. */
export const handler = await entryPoint((observers) => {
  const worker = assembleWorker(environment, {
    queueUrls: [environment.BATCHES_QUEUE_URL],
    events: NO_EVENTS,
    later: NEVER_LATER,
    ...observers,
  });
  return queueHandler(worker.parts);
});
