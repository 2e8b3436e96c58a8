import {
  ClusterBusyError,
  RunChangedError,
  RunExistsError,
  RunNotFoundError,
} from "../../../engine/errors.ts";
import {
  type DomainEvent,
  isEnd,
  type Lease,
  type RunControl,
  type RunRecord,
} from "../../../engine/records.ts";
import { ABSENT, type Action, MAX_ACTIONS } from "./actions.ts";
import type { RawItem, Refusal } from "./aws-errors.ts";
import { clusterAction, holderOf, UNBORN } from "./cluster-state.ts";
import { fromDocument, toDocument, type Document } from "./document.ts";
import {
  type Key,
  controlKey,
  eventKey,
  listedRunKey,
  lockKey,
  LOCKS,
  rangeOf,
  removalKey,
  runIdOf,
  runKey,
} from "./keys.ts";
import type { Leases } from "./leases.ts";
import { ensureFits, type Item } from "./record-size.ts";
import { AGAIN, untilSettled } from "./retry.ts";
import {
  type Control,
  type RunItem,
  standingOf,
  type Standing,
  toControl,
  toControlItem,
  toRun,
  toRunItem,
} from "./run-item.ts";
import { WAKE_INDEX, WAKE_PARTITION } from "./table-definition.ts";
import type { Table } from "./table.ts";

/** Runs, their controls and their events. */
export class Runs {
  readonly #table: Table;
  readonly #leases: Leases;

  constructor(table: Table, leases: Leases) {
    this.#table = table;
    this.#leases = leases;
  }

  async create(run: RunRecord, control: RunControl): Promise<void> {
    const { runId, cluster } = run;
    const actions: Action[] = [
      { put: toRunItem(run), if: ABSENT },
      { check: removalKey(runId), if: ABSENT },
      ...clusterAction(run, UNBORN),
      { put: toControlItem(runId, { control, revision: 0 }) },
      { put: { ...listedRunKey(run) } },
      { put: { ...listedRunKey(run, cluster) } },
    ];
    const refusals = await this.#table.transact(() => actions);
    if (refusals === undefined) return;
    if (refusals[0] !== undefined || refusals[1] !== undefined) throw new RunExistsError(runId);
    throw new ClusterBusyError(cluster, holderOf(refusals[2]?.item));
  }

  async get(runId: string): Promise<RunRecord | undefined> {
    const item = await this.#table.get<RunItem>(runKey(runId));
    return item && toRun(item);
  }

  /** Mostly the run stands as before, and the cluster's state need not be written; DynamoDB says when it does not. */
  async save(run: RunRecord, lease: Lease, events: readonly DomainEvent[]): Promise<RunRecord> {
    const saved = { ...run, version: run.version + 1 };
    return untilSettled(this.#table.retry, `run "${run.runId}"`, async () => {
      const usual = await this.#saveFrom(standingOf(run), saved, lease, events);
      if (usual === undefined) return saved;
      const before = this.#standingBefore(run, usual.run);
      const refused = await this.#saveFrom(before, saved, lease, events);
      if (refused === undefined) return saved;
      if (refused.cluster !== undefined) {
        throw new ClusterBusyError(run.cluster, holderOf(refused.cluster.item));
      }
      return AGAIN;
    });
  }

  async getControl(runId: string): Promise<RunControl | undefined> {
    return (await this.#readControl(runId))?.control;
  }

  updateControl(runId: string, change: (control: RunControl) => RunControl): Promise<RunControl> {
    return untilSettled(this.#table.retry, `the control record of run "${runId}"`, async () => {
      const stored = await this.#readControl(runId);
      if (stored === undefined) throw new RunNotFoundError(runId);
      const { revision } = stored;
      const changed = change(stored.control);
      const put = toControlItem(runId, { control: changed, revision: revision + 1 });
      const unchanged = { expression: "revision = :read", values: { ":read": revision } };
      const refusals = await this.#table.transact(() => [{ put, if: unchanged }]);
      return refusals === undefined ? changed : AGAIN;
    });
  }

  async due(now: number, limit: number): Promise<string[]> {
    const keys = await this.#table.queryOnce<Key>({
      IndexName: WAKE_INDEX,
      KeyConditionExpression: "wakePartition = :partition AND wakeAt <= :now",
      ExpressionAttributeValues: { ":partition": WAKE_PARTITION, ":now": now },
      Limit: limit,
    });
    return keys.map(runIdOf);
  }

  async listEvents(query: { runId: string; after: number; limit: number }): Promise<DomainEvent[]> {
    const [first, last] = [
      eventKey(query.runId, query.after + 1),
      eventKey(query.runId, query.after + query.limit),
    ];
    const range = { pk: first.pk, first: first.sk, last: last.sk };
    const events: DomainEvent[] = [];
    for await (const page of this.#table.query<{ event: Document }>({ range })) {
      events.push(...page.map(({ event }) => fromDocument(event) as DomainEvent));
    }
    return events;
  }

  /** Since when the lock is held that is the oldest of all; undefined when none is. Milliseconds since the epoch. */
  async oldestLock(signal: AbortSignal): Promise<number | undefined> {
    let oldest: number | undefined;
    for await (const page of this.#table.query<{ lockedAt: number }>({ range: rangeOf(LOCKS, "RUN#") })) {
      signal.throwIfAborted();
      for (const { lockedAt } of page) oldest = Math.min(oldest ?? lockedAt, lockedAt);
    }
    return oldest;
  }

  /** Saves a run that stood as `before`; otherwise tells what is stored. */
  async #saveFrom(
    before: Standing,
    run: RunRecord,
    lease: Lease,
    events: readonly DomainEvent[],
  ): Promise<{ run: Refusal | undefined; cluster: Refusal | undefined } | undefined> {
    const unchanged = {
      expression: "version = :read AND holds = :holds AND ended = :ended",
      values: { ":read": run.version - 1, ":holds": before.holds, ":ended": before.ended },
    };
    const ofCluster = clusterAction(run, before);
    const actions: Action[] = [
      { put: toRunItem(run), if: unchanged },
      ...ofCluster,
      ...events.map((event) => ({ put: toEventItem(event), if: ABSENT })),
      ...lockActions(run),
    ];
    if (actions.length >= MAX_ACTIONS)
      throw new RangeError(`${events.length} events are too many for one save`);
    const refusals = await this.#leases.write(lease, () => actions);
    if (refusals === undefined) return undefined;
    const [ofRun, next] = refusals;
    const cluster = ofCluster.length === 0 ? undefined : next;
    if (ofRun === undefined && cluster === undefined) {
      throw new Error(`an event of run "${run.runId}" has a number that was given already`);
    }
    return { run: ofRun, cluster };
  }

  #standingBefore(run: RunRecord, refusal: Refusal | undefined): Standing {
    const stored = refusal?.item;
    if (stored === undefined) throw new RunNotFoundError(run.runId);
    const version = Number(stored["version"]?.N);
    if (version !== run.version) throw new RunChangedError(run.runId, run.version, version);
    return rawStanding(stored);
  }

  async #readControl(runId: string): Promise<Control | undefined> {
    const item = await this.#table.get<{ control: Document; revision: number }>(controlKey(runId));
    return item && toControl(item);
  }
}

/**
 * The lock is noted in the transaction that records it, so that those that are held are found however many runs there are. One
 * that may be held counts as held.
 */
function lockActions({ runId, state, lock }: RunRecord): Action[] {
  if (lock === undefined) return [];
  if (isEnd(state) || lock.state === "unlocked") return [{ remove: lockKey(runId) }];
  return [{ put: { ...lockKey(runId), lockedAt: lock.since } }];
}

function rawStanding(item: RawItem): Standing {
  return { holds: item["holds"]?.BOOL === true, ended: item["ended"]?.BOOL === true };
}

function toEventItem(event: DomainEvent): Item {
  const item = { ...eventKey(event.runId, event.sequence), event: toDocument(event) };
  ensureFits({ runId: event.runId, record: `event ${event.sequence}` }, item);
  return item;
}
