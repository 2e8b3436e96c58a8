import { entryPoint } from "../runtime/entry.ts";
import { readEnvironment, RunEnvironment } from "../runtime/environment.ts";
import { queueHandler } from "../runtime/queue-handler.ts";
import { assembleRunWorker } from "../runtime/run-worker.ts";
import { carryOutRunCommand } from "./handler.ts";

const environment = readEnvironment(RunEnvironment);

/** Advances runs, and carries out the commands that start, pause, resume and approve them. */
export const handler = await entryPoint((observers) => {
  const worker = assembleRunWorker(environment, environment.RUNS_QUEUE_URL, observers);
  const { parts, refusals, store, clock } = worker;
  return queueHandler({ ...parts, commands: { carryOut: carryOutRunCommand, refusals, store, clock } });
});
