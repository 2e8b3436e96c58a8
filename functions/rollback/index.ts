import { entryPoint } from "../runtime/entry.ts";
import { readEnvironment, RunEnvironment } from "../runtime/environment.ts";
import { queueHandler } from "../runtime/queue-handler.ts";
import { assembleRunWorker } from "../runtime/run-worker.ts";
import { carryOutRollbackCommand } from "./handler.ts";

const environment = readEnvironment(RunEnvironment);

/** Takes runs back, and carries out the commands that ask for it. */
export const handler = await entryPoint((observers) => {
  const { parts, refusals, store } = assembleRunWorker(
    environment,
    environment.ROLLBACKS_QUEUE_URL,
    observers,
  );
  return queueHandler({
    ...parts,
    commands: { carryOut: (command, engine) => carryOutRollbackCommand(command, engine, store), refusals },
  });
});
