import type { RunRecord } from "../../shared/engine/records.ts";
import { MigratorError } from "../../shared/errors.ts";
import { commandLine, type Session } from "../session.ts";
import { Interrupt } from "./interrupt.ts";
import { ask, canAsk } from "./prompt.ts";

/**
 * Has a person on a terminal type the cluster's name; `words` are what else was given. Throws NOT_CONFIRMED for anything else, INTERRUPTED for no answer but
 * Ctrl-C, and CONFIRMATION_NEEDED where there is nobody to ask; nothing was done then.
 */
export async function confirmOnCluster(
  session: Session,
  run: RunRecord,
  { verb, explanation, words = [] }: { verb: string; explanation: string; words?: readonly string[] },
): Promise<void> {
  const { world } = session;
  if (!canAsk(world)) throw confirmationNeeded(session, run, [verb, ...words]);
  using interrupt = new Interrupt(world, "asks");
  const question = `Type the name of the cluster, ${run.cluster}, to go on: `;
  const answer = await ask(
    world,
    { explanation, question },
    {
      signal: interrupt.signal,
      onInterrupt: () => {
        interrupt.request();
      },
    },
  );
  if (interrupt.signal.aborted) throw interrupted(verb);
  if (answer === run.cluster) return;
  throw new MigratorError("NOT_CONFIRMED", "the name that was typed is not the cluster's; nothing was done", {
    next: "Run the command again and type the name, or add --yes.",
  });
}

function interrupted(verb: string): MigratorError {
  return new MigratorError("INTERRUPTED", `interrupted before ${verb} was confirmed; nothing was done`, {
    next: "Run the command again and type the name, or add --yes.",
  });
}

function confirmationNeeded(
  session: Session,
  { runId, cluster }: RunRecord,
  [verb = "", ...words]: readonly string[],
): MigratorError {
  const message = `${verb} of run "${runId}" on cluster "${cluster}" has to be confirmed, and there is no terminal to ask on; nothing was done`;
  return new MigratorError("CONFIRMATION_NEEDED", message, {
    next: `Say that you mean it: \`${commandLine(session, verb, runId, ...words, "--yes")}\`.`,
  });
}
