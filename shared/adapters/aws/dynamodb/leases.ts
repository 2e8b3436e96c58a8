import { randomUUID } from "node:crypto";
import { LeaseLostError } from "../../../engine/errors.ts";
import type { Clock } from "../../../engine/ports.ts";
import type { Lease, LeaseHolder } from "../../../engine/records.ts";
import type { Action } from "./actions.ts";
import type { Refusal } from "./aws-errors.ts";
import { leaseKey } from "./keys.ts";
import type { Table } from "./table.ts";

interface LeaseRow {
  holder: string;
  token: number;
  heldUntil: number;
  takenAt?: number;
  grant: string;
}

/**
 * Leases, one item each. The item stays for ever, so that its token only grows; it has no expiry of DynamoDB's.
 *
 * The time is that of whoever asks, which NTP keeps close to everybody else's; where a clock is wrong, a lease may be
 * taken over too early or too late, but never can two holders write: the token fences out all but the last one.
 */
export class Leases {
  readonly #table: Table;
  readonly #clock: Pick<Clock, "now">;

  constructor(table: Table, clock: Pick<Clock, "now">) {
    this.#table = table;
    this.#clock = clock;
  }

  async acquire(name: string, holder: string, ttlMs: number): Promise<Lease | undefined> {
    const now = this.#clock.now();
    const grant = randomUUID();
    const result = await this.#table.update({
      Key: leaseKey(name),
      UpdateExpression:
        "SET holder = :holder, heldUntil = :until, takenAt = :now, #grant = :grant ADD #token :one",
      ConditionExpression: "attribute_not_exists(pk) OR heldUntil <= :now",
      ExpressionAttributeNames: { "#token": "token", "#grant": "grant" },
      ExpressionAttributeValues: {
        ":holder": holder,
        ":until": now + ttlMs,
        ":grant": grant,
        ":now": now,
        ":one": 1,
      },
    });
    const expiresAt = now + ttlMs;
    if ("item" in result) return { name, holder, token: (result.item as LeaseRow).token, expiresAt };
    // Refused by its own first try, whose answer was lost: the lease is ours.
    const { item } = result.refusal;
    if (item?.["grant"]?.S !== grant) return undefined;
    return { name, holder, token: Number(item["token"]?.N), expiresAt };
  }

  async renew(lease: Lease, ttlMs: number): Promise<Lease | undefined> {
    const expiresAt = this.#clock.now() + ttlMs;
    const held = heldCondition(lease, this.#clock.now());
    const result = await this.#table.update({
      Key: leaseKey(lease.name),
      UpdateExpression: "SET heldUntil = :until",
      ConditionExpression: held.expression,
      ExpressionAttributeNames: held.names,
      ExpressionAttributeValues: { ...held.values, ":until": expiresAt },
    });
    return "item" in result ? { ...lease, expiresAt } : undefined;
  }

  async release(lease: Lease): Promise<void> {
    await this.#table.update({
      Key: leaseKey(lease.name),
      UpdateExpression: "SET holder = :nobody, heldUntil = :past",
      ConditionExpression: "holder = :holder AND #token = :token",
      ExpressionAttributeNames: { "#token": "token" },
      ExpressionAttributeValues: {
        ":nobody": "",
        ":past": 0,
        ":holder": lease.holder,
        ":token": lease.token,
      },
    });
  }

  async holder(name: string): Promise<LeaseHolder | undefined> {
    const row = await this.#table.get<LeaseRow>(leaseKey(name));
    if (row === undefined || row.heldUntil <= this.#clock.now()) return undefined;
    const { holder, takenAt: since } = row;
    return since === undefined ? { holder } : { holder, since };
  }

  /**
   * Carries out actions if the lease is still held. Throws LeaseLostError; otherwise gives what {@link Table.transact}
   * does, without the lease.
   */
  async write(lease: Lease, actions: () => readonly Action[]): Promise<(Refusal | undefined)[] | undefined> {
    const refusals = await this.#table.transact(() => [
      { check: leaseKey(lease.name), if: heldCondition(lease, this.#clock.now()) },
      ...actions(),
    ]);
    if (refusals?.[0] !== undefined) throw new LeaseLostError(lease.name);
    return refusals?.slice(1);
  }

  /** Throws LeaseLostError unless the lease is still held: where there is nothing to write. */
  async ensureHeld(lease: Lease): Promise<void> {
    const row = await this.#table.get<LeaseRow>(leaseKey(lease.name));
    const ours = row?.token === lease.token && row.holder === lease.holder;
    if (!ours || row.heldUntil <= this.#clock.now()) throw new LeaseLostError(lease.name);
  }
}

function heldCondition({ holder, token }: Lease, now: number) {
  return {
    expression: "holder = :holder AND #token = :token AND heldUntil > :now",
    names: { "#token": "token" },
    values: { ":holder": holder, ":token": token, ":now": now },
  };
}
