import type { EventSink } from "../../shared/engine/ports.ts";

/** Batches announce nothing: what they did is told when the run is advanced. */
export const NO_EVENTS: EventSink = {
  emit: () => Promise.reject(new Error("a batch has no events to tell")),
};
