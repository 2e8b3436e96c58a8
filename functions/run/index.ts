import { entryPoint } from "../runtime/entry.ts";
import { readEnvironment, RunEnvironment } from "../runtime/environment.ts";
import { queueHandler } from "../runtime/queue-handler.ts";
import { assembleRunWorker } from "../runtime/run-worker.ts";
import { carryOutCommand } from "./commands.ts";

const environment = readEnvironment(RunEnvironment);
const withinMs = environment.ROLLBACK_WITHIN_MINUTES * 60_000;

/** Advances runs, and carries out commands. */
export const handler = await entryPoint((observers) => {
  const { RUNS_QUEUE_URL, COMMANDS_QUEUE_URL } = environment;
  const worker = assembleRunWorker(environment, [RUNS_QUEUE_URL, COMMANDS_QUEUE_URL], observers);
  const { parts, refusals, store, clock } = worker;
  return queueHandler({
    ...parts,
    commands: {
      ...{ refusals, store, clock },
      carryOut: (command, engine, asked) =>
        carryOutCommand(command, engine, { store, clock, asked, withinMs }),
    },
  });
});
