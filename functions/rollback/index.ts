import { entryPoint } from "../runtime/entry.ts";
import { readEnvironment, RollbackEnvironment } from "../runtime/environment.ts";
import { queueHandler } from "../runtime/queue-handler.ts";
import { assembleRunWorker } from "../runtime/run-worker.ts";
import { carryOutRollbackCommand } from "./handler.ts";

const environment = readEnvironment(RollbackEnvironment);
const withinMs = environment.ROLLBACK_WITHIN_MINUTES * 60_000;

/** Takes runs back. Commands that ask for it come here no more: those that an older stack put into this queue do. */
export const handler = await entryPoint((observers) => {
  const { parts, refusals, store, clock } = assembleRunWorker(
    environment,
    [environment.ROLLBACKS_QUEUE_URL],
    observers,
  );
  return queueHandler({
    ...parts,
    commands: {
      ...{ refusals, store, clock },
      carryOut: (command, engine, asked) =>
        carryOutRollbackCommand(command, engine, { store, clock, asked, withinMs }),
    },
  });
});
