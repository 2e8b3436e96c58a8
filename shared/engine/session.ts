import type { HeldLease } from "./held-lease.ts";
import type { Migration } from "./migration.ts";
import type { RunControl, RunRecord } from "./records.ts";
import type { EngineParts } from "./settings.ts";
import type { Transition } from "./transitions.ts";

/** A run while its lease is held: reads once, saves every change with its events before anything builds on it. */
export class RunSession<C> {
  run: RunRecord;
  control: RunControl;
  readonly parts: EngineParts<C>;
  readonly lease: HeldLease;
  readonly migration: Migration<C>;

  constructor(
    parts: EngineParts<C>,
    lease: HeldLease,
    loaded: { run: RunRecord; control: RunControl; migration: Migration<C> },
  ) {
    this.parts = parts;
    this.lease = lease;
    this.run = loaded.run;
    this.control = loaded.control;
    this.migration = loaded.migration;
  }

  /** Applies a change to the run, saves it with its events, then hands the events to the sink. */
  async save(change: (from: Transition, now: number) => Transition): Promise<void> {
    const now = this.parts.clock.now();
    const { run, events } = change({ run: this.run, events: [] }, now);
    this.run = await this.parts.store.saveRun({ ...run, updatedAt: now }, this.lease.current, events);
    await this.deliverEvents();
  }

  /** Reads again what people ask for. */
  async refreshControl(): Promise<void> {
    this.control = (await this.parts.store.getControl(this.run.runId)) ?? this.control;
  }

  /** Gives the sink what it has not got yet; what it got is noted with the next save. A sink that fails gets it later. */
  async deliverEvents(): Promise<void> {
    const { store, events } = this.parts;
    while (this.run.eventsDelivered < this.run.eventSequence) {
      const due = await store.listEvents({
        runId: this.run.runId,
        after: this.run.eventsDelivered,
        limit: 100,
      });
      const last = due.at(-1);
      if (last === undefined) return;
      const delivered = await events.emit(due).then(
        () => true,
        () => false,
      );
      if (!delivered) return;
      this.run = { ...this.run, eventsDelivered: last.sequence };
    }
  }
}
