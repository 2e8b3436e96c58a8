import { parseDelivery } from "../../events/commands.ts";
import type { WorkMessage } from "../../shared/engine/ports.ts";
import { errorMessage } from "../../shared/errors.ts";

/** What can be told of a message's body. */
export interface Understood {
  runId?: string;
  /** The work that it asks for. */
  work?: WorkMessage;
  /** Why it cannot be understood, without its content. */
  fault?: string;
}

const RUN_ID = /\\?"runId\\?"\s*:\s*\\?"([a-z0-9-]{1,64})\\?"/;

/** Reads a message's body; of one that does not parse, the run that it seems to name. */
export function understand(body: string): Understood {
  try {
    const delivery = parseDelivery(body);
    if (delivery.kind === "work") return { runId: delivery.message.runId, work: delivery.message };
    const { runId } = delivery.command.data;
    return runId === undefined ? {} : { runId };
  } catch (error) {
    const runId = RUN_ID.exec(body)?.[1];
    const fault = errorMessage(error);
    return runId === undefined ? { fault } : { runId, fault };
  }
}
