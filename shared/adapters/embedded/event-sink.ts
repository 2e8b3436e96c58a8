import type { EventSink } from "../../engine/ports.ts";
import type { DomainEvent } from "../../engine/records.ts";

/** Is told of events, in the order of their emission. */
type EventListener = (event: DomainEvent) => void;

/**
 * Tells listeners of this process about events. Other processes read them from the store, where they are saved together
 * with the run.
 */
export class EmbeddedEventSink implements EventSink {
  readonly #listeners = new Set<EventListener>();

  /** Adds a listener; returns what removes it. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Rejects when a listener throws; the others have been told all the same. */
  async emit(events: readonly DomainEvent[]): Promise<void> {
    const told = events.flatMap((event) => [...this.#listeners].map((listener) => tell(listener, event)));
    await Promise.all(told);
  }
}

function tell(listener: EventListener, event: DomainEvent): Promise<void> {
  return new Promise((resolve) => {
    listener(event);
    resolve();
  });
}
