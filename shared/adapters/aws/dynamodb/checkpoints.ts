import type {
  Checkpoint,
  CheckpointId,
  CheckpointState,
  Lease,
  TargetCollision,
} from "../../../engine/records.ts";
import type { CheckpointQuery } from "../../../engine/ports.ts";
import { ABSENT, type Action, MAX_ACTIONS, MAX_BYTES } from "./actions.ts";
import { type CheckpointItem, toCheckpoint, toCheckpointItem } from "./checkpoint-item.ts";
import { type Known, type Plan, planCheckpoints, type Transfer } from "./checkpoint-plan.ts";
import {
  checkpointKey,
  checkpointSortKey,
  type Key,
  type KeyRange,
  ledgerKey,
  ledgerPartition,
  ordinal,
  rangeOf,
  targetKey,
} from "./keys.ts";
import type { Leases } from "./leases.ts";
import { ensureFits, isSortKey, sizeOf } from "./record-size.ts";
import { AGAIN, untilSettled } from "./retry.ts";
import type { RangeQuery, Table } from "./table.ts";
import { decodeText, encodeText } from "./text-order.ts";

/** Less the lease and the name of the ledger. */
const ACTIONS = MAX_ACTIONS - 2;

/** Bounds what a process remembers of the ledgers that it has written to. */
const KNOWN_LEDGERS = 1_000;

/** The item of a target: which checkpoint has it. */
interface TargetItem extends Key {
  owner: string;
}

/** Checkpoints, one item each, and one more for each target, which makes it unique in its ledger. */
export class Checkpoints {
  readonly #table: Table;
  readonly #leases: Leases;
  /** Ledgers whose name is in the table. */
  readonly #ledgers = new Set<string>();

  constructor(table: Table, leases: Leases) {
    this.#table = table;
    this.#leases = leases;
  }

  /** Each checkpoint is written with its target or not at all; all of a call are written in several transactions, in their order. */
  async put(
    runId: string,
    ledger: string,
    checkpoints: readonly Checkpoint[],
    lease: Lease,
  ): Promise<TargetCollision[]> {
    const collisions: TargetCollision[] = [];
    for (let done = 0; done < checkpoints.length;) {
      const rest = checkpoints.slice(done, done + ACTIONS);
      const plan = await this.#putSome(runId, ledger, rest, lease);
      collisions.push(...plan.collisions);
      done += plan.taken;
    }
    // Where nothing was written, no transaction has looked at the lease.
    if (collisions.length === checkpoints.length) await this.#leases.ensureHeld(lease);
    return collisions;
  }

  async get(runId: string, ledger: string, ids: readonly CheckpointId[]): Promise<Checkpoint[]> {
    const keys = ids.map((id) => checkpointKey(runId, ledger, id)).filter(({ sk }) => isSortKey(sk));
    const items = await this.#table.getAll<CheckpointItem>(keys);
    const found = new Map(items.map((item) => [item.sk, item]));
    return keys.flatMap(({ sk }) => found.get(sk) ?? []).map(toCheckpoint);
  }

  async findByTarget(runId: string, ledger: string, targets: readonly string[]): Promise<Checkpoint[]> {
    const owners = await this.#owners(runId, ledger, targets);
    const pk = ledgerPartition(runId, ledger);
    const keys = [...owners.values()].map((sk) => ({ pk, sk }));
    const found = (await this.#table.getAll<CheckpointItem>(keys)).map(toCheckpoint);
    // A target may have changed hands between the two readings.
    return found.filter((checkpoint) => owners.get(checkpoint.target) === checkpointSortKey(checkpoint));
  }

  async list(runId: string, ledger: string, query: CheckpointQuery): Promise<Checkpoint[]> {
    const range = rangeOfQuery(ledgerPartition(runId, ledger), query);
    if (range === undefined || query.states?.length === 0) return [];
    const after = query.after === undefined ? undefined : checkpointSortKey(query.after);
    const filter = query.states === undefined ? {} : { filter: stateFilter(query.states) };
    // One more, as the range begins with `after`. With a filter, a page is what DynamoDB reads at once: 1 MB.
    const size = query.states === undefined ? { pageSize: query.limit + 1 } : {};
    const items: CheckpointItem[] = [];
    for await (const page of this.#table.query<CheckpointItem>({ range, ...filter, ...size })) {
      items.push(...page.filter(({ sk }) => sk !== after));
      if (items.length >= query.limit) break;
    }
    return items.slice(0, query.limit).map(toCheckpoint);
  }

  /** Reads the states of all: that is for reports; counters would make every write dearer. */
  async count(runId: string, ledger: string): Promise<Partial<Record<CheckpointState, number>>> {
    const range = rangeOf(ledgerPartition(runId, ledger), "CP#");
    const only = { expression: "#state", names: { "#state": "state" } };
    const counts: Partial<Record<CheckpointState, number>> = {};
    for await (const page of this.#table.query<{ state: CheckpointState }>({ range, only })) {
      for (const { state } of page) counts[state] = (counts[state] ?? 0) + 1;
    }
    return counts;
  }

  /** Mostly what is there need not be read: DynamoDB refuses the transaction where the guess is wrong. */
  async #putSome(
    runId: string,
    ledger: string,
    checkpoints: readonly Checkpoint[],
    lease: Lease,
  ): Promise<Plan> {
    const guessed = guess(checkpoints);
    const plan = guessed && (await this.#putFrom(guessed, runId, ledger, checkpoints, lease));
    if (plan !== undefined) return plan;
    return untilSettled(this.#table.retry, `checkpoints of ledger "${ledger}"`, async () => {
      const known = await this.#known(runId, ledger, checkpoints);
      return (await this.#putFrom(known, runId, ledger, checkpoints, lease)) ?? AGAIN;
    });
  }

  /** Writes what is planned if the table is as `known` says; undefined when it is not. */
  async #putFrom(
    known: Known,
    runId: string,
    ledger: string,
    checkpoints: readonly Checkpoint[],
    lease: Lease,
  ): Promise<Plan | undefined> {
    const plan = planCheckpoints(checkpoints, known, {
      actions: ACTIONS,
      bytes: MAX_BYTES,
      sizeOf: (checkpoint) => sizeOf(toCheckpointItem(runId, ledger, checkpoint)),
    });
    if (plan.puts.length === 0) return plan;
    const actions = [
      ...this.#nameOf(runId, ledger),
      ...plan.puts.map((checkpoint) => putAction(runId, ledger, checkpoint, known)),
      ...plan.transfers.map((transfer) => transferAction(runId, ledger, transfer)),
    ];
    const refusals = await this.#leases.write(lease, () => actions);
    if (refusals !== undefined) return undefined;
    this.#remember(runId, ledger);
    return plan;
  }

  /** What is there of these checkpoints and of the targets that they are to get. */
  async #known(runId: string, ledger: string, checkpoints: readonly Checkpoint[]): Promise<Known> {
    const keys = checkpoints.map((id) => checkpointKey(runId, ledger, id)).filter(({ sk }) => isSortKey(sk));
    const only = { expression: "sk, target" };
    const items = await this.#table.getAll<Pick<CheckpointItem, "sk" | "target">>(keys, only);
    const targets = new Map(items.map(({ sk, target }) => [sk, decodeText(target)]));
    const wanted = checkpoints.filter((one) => targets.get(checkpointSortKey(one)) !== one.target);
    const owners = await this.#owners(
      runId,
      ledger,
      wanted.map(({ target }) => target),
    );
    for (const [owner, target] of targets) owners.set(target, owner);
    return { targets, owners };
  }

  /** Which checkpoints have these targets. */
  async #owners(runId: string, ledger: string, targets: readonly string[]): Promise<Map<string, string>> {
    const keys = targets.map((target) => targetKey(runId, ledger, target)).filter(({ sk }) => isSortKey(sk));
    const items = await this.#table.getAll<TargetItem>(keys);
    return new Map(items.map(({ sk, owner }) => [decodeText(sk.slice("TARGET#".length)), owner]));
  }

  /** The first write to a ledger also notes its name, by which the ledger is found when its run is removed. */
  #nameOf(runId: string, ledger: string): Action[] {
    const key = ledgerKey(runId, ledger);
    return this.#ledgers.has(`${key.pk} ${key.sk}`) ? [] : [{ put: { ...key } }];
  }

  #remember(runId: string, ledger: string): void {
    const { pk, sk } = ledgerKey(runId, ledger);
    if (this.#ledgers.size >= KNOWN_LEDGERS) this.#ledgers.clear();
    this.#ledgers.add(`${pk} ${sk}`);
  }
}

/** As most writes find the table: what is pending is new, and all else keeps its target. None where targets collide. */
function guess(checkpoints: readonly Checkpoint[]): Known | undefined {
  if (new Set(checkpoints.map(({ target }) => target)).size < checkpoints.length) return undefined;
  const present = checkpoints.filter(({ state }) => state !== "pending");
  const targets = new Map(present.map((one) => [checkpointSortKey(one), one.target]));
  return { targets, owners: new Map([...targets].map(([owner, target]) => [target, owner])) };
}

/** A checkpoint is replaced as long as it has the target that was read, so that its target's item need not be touched. */
function putAction(runId: string, ledger: string, checkpoint: Checkpoint, known: Known): Action {
  const put = toCheckpointItem(runId, ledger, checkpoint);
  const present = known.targets.get(checkpointSortKey(checkpoint));
  if (present === undefined) return { put, if: ABSENT };
  return { put, if: { expression: "target = :read", values: { ":read": encodeText(present) } } };
}

function transferAction(runId: string, ledger: string, { target, from, to }: Transfer): Action {
  const key = targetKey(runId, ledger, target);
  const unchanged =
    from === undefined
      ? ABSENT
      : { expression: "#owner = :from", names: { "#owner": "owner" }, values: { ":from": from } };
  if (to === undefined) return { remove: key, if: unchanged };
  const put = { ...key, owner: to };
  ensureFits({ runId, record: `target "${target}" of ledger "${ledger}"` }, put);
  return { put, if: unchanged };
}

function stateFilter(states: readonly CheckpointState[]): NonNullable<RangeQuery["filter"]> {
  const values = Object.fromEntries([...new Set(states)].map((state, index) => [`:state${index}`, state]));
  const expression = `#state IN (${Object.keys(values).join(", ")})`;
  return { expression, names: { "#state": "state" }, values };
}

/** The sort keys between which a query's checkpoints lie, `after` included; undefined when there can be none. */
function rangeOfQuery(pk: string, { rank, after, upTo }: CheckpointQuery): KeyRange | undefined {
  const whole = rangeOf(pk, rank === undefined ? "CP#" : `CP#${ordinal(rank)}#`);
  const start = after === undefined ? whole.first : checkpointSortKey(after);
  const first = start > whole.first ? start : whole.first;
  const last = rank === undefined || upTo === undefined ? whole.last : checkpointSortKey({ rank, key: upTo });
  return first > last ? undefined : { pk, first, last };
}
