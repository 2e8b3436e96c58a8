import type { HeldLease } from "./held-lease.ts";
import { DEFAULT_LOCK_POLICY, type LockPolicy, withLockWake, withPersonTime } from "./lock.ts";
import type { Migration } from "./migration.ts";
import { withPhase } from "./phase.ts";
import type { DomainEvent, RunControl, RunRecord } from "./records.ts";
import { isEnd } from "./records.ts";
import type { EngineParts } from "./settings.ts";
import { type Transition, WAKE_AFTER_MS } from "./transitions.ts";

/** What a step of a run left: go on at once, or stop here because a message or a person will continue. */
export type Step = "on" | "stop";

/** A run while its lease is held: reads once, saves every change with its events before anything builds on it. */
export class RunSession<C> {
  run: RunRecord;
  control: RunControl;
  /** The version of the run that was shown last; undefined before the first. Whoever ended a run has shown its end. */
  shown: number | undefined;
  private savedDelivered: number;
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
    this.savedDelivered = loaded.run.eventsDelivered;
    this.shown = isEnd(loaded.run.state) ? loaded.run.version : undefined;
    this.control = loaded.control;
    this.migration = loaded.migration;
  }

  /** What becomes of the run when its lock lasts too long or it fails inside it. */
  get lockPolicy(): LockPolicy {
    return this.migration.lockPolicy?.(this.run.options) ?? DEFAULT_LOCK_POLICY;
  }

  /** Applies a change to the run, saves it with its events, then hands the events to the sink. */
  async save(change: (from: Transition, now: number) => Transition): Promise<void> {
    const now = this.parts.clock.now();
    const { run, events } = change({ run: this.run, events: [] }, now);
    const saved = withLockWake(withPersonTime({ ...run, updatedAt: now }, now));
    await this.store(saved, withPhase(this.migration.phase, run, events));
    await this.deliverEvents();
  }

  /** Reads again what people ask for. */
  async refreshControl(): Promise<void> {
    this.control = (await this.parts.store.getControl(this.run.runId)) ?? this.control;
  }

  /**
   * Saves what the sink has got, if that is more than was saved before. Where the sink failed, the wake-up has to look at
   * the run again, also at one that has ended.
   */
  async leave(): Promise<void> {
    const now = this.parts.clock.now();
    const { nextWakeAt: before, ...rest } = this.run;
    const wakeAt = wakeAfter(this.run, now);
    const left = withLockWake(wakeAt === undefined ? rest : { ...rest, nextWakeAt: wakeAt });
    if (left.nextWakeAt === before && this.run.eventsDelivered === this.savedDelivered) return;
    await this.store(left, []);
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

  private async store(run: RunRecord, events: readonly DomainEvent[]): Promise<void> {
    this.run = await this.parts.store.saveRun(run, this.lease.current, events);
    this.savedDelivered = this.run.eventsDelivered;
  }
}

/** When a run that is left now has to be looked at again. */
function wakeAfter(run: RunRecord, now: number): number | undefined {
  const { nextWakeAt } = run;
  const owed = run.eventsDelivered < run.eventSequence;
  if (owed) return nextWakeAt !== undefined && nextWakeAt > now ? nextWakeAt : now + WAKE_AFTER_MS;
  return isEnd(run.state) || run.state === "Failed" ? undefined : nextWakeAt;
}
