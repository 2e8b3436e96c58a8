import { createHash } from "node:crypto";
import type { CommandMeta } from "../../events/commands.ts";
import type { CheckpointStore } from "../../shared/engine/ports.ts";
import { overriding } from "./overriding.ts";

/** A command as it was sent: what tells whether it was carried out already. */
export interface Asked {
  /** The same whenever the same command comes. */
  id: string;
  /** When it was sent. Milliseconds since the epoch. */
  at: number;
}

/** As many commands of a run are remembered: more than can be under way, as queues keep none for ever. */
const REMEMBERED = 200;

export function askedBy({ id, source, time }: CommandMeta): Asked {
  const both = createHash("sha256").update(JSON.stringify([source, id]));
  return { id: both.digest("hex").slice(0, 32), at: Date.parse(time) };
}

/**
 * The same store, in which a command starts or changes a run once: its id is recorded together with what it asks for, so that neither
 * is there without the other, whenever the function dies.
 */
export function onceStore(store: CheckpointStore, { id }: Asked): CheckpointStore {
  return overriding(store, {
    createRun: (run, control) => store.createRun(run, { ...control, commands: [id] }),
    updateControl: (runId, change) =>
      store.updateControl(runId, (control) => {
        const { commands = [] } = control;
        if (commands.includes(id)) return control;
        return { ...change(control), commands: [...commands, id].slice(-REMEMBERED) };
      }),
  });
}

/** True where the run has taken this command already. */
export async function wasTaken(
  store: Pick<CheckpointStore, "getControl">,
  runId: string,
  { id }: Asked,
): Promise<boolean> {
  return (await store.getControl(runId))?.commands?.includes(id) === true;
}
