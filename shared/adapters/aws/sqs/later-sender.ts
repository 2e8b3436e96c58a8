import type { WorkMessage } from "../../../engine/ports.ts";

/** Sends a message at a time that is too far away for a queue's own delay. */
export interface LaterSender {
  /** `at` in milliseconds since the epoch; the message arrives then or a little later. */
  sendLater(message: WorkMessage, at: number): Promise<void>;
}
