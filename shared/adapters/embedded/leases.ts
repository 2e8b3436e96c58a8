import { LeaseLostError } from "../../engine/errors.ts";
import type { Clock } from "../../engine/ports.ts";
import type { Lease, LeaseHolder } from "../../engine/records.ts";
import type { Database } from "./database.ts";
import { isHolderDead } from "./holder.ts";

interface LeaseRow {
  holder: string;
  token: number;
  expires_at: number;
  taken_at: number | null;
}

const selectLease = "SELECT holder, token, expires_at, taken_at FROM leases WHERE name = ?";

/** The table of leases. A row stays for ever, so that its token only grows. Every method runs inside a transaction. */
export class Leases {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  acquire(name: string, holder: string, ttlMs: number): Lease | undefined {
    const now = this.#clock.now();
    const row = this.#find(name);
    if (row !== undefined && row.expires_at > now && !isHolderDead(row.holder)) return undefined;
    const lease = { name, holder, token: (row?.token ?? 0) + 1, expiresAt: now + ttlMs };
    this.#database.run(
      `INSERT INTO leases (name, holder, token, expires_at, taken_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = excluded.token,
         expires_at = excluded.expires_at, taken_at = excluded.taken_at`,
      name,
      holder,
      lease.token,
      lease.expiresAt,
      now,
    );
    return lease;
  }

  renew(lease: Lease, ttlMs: number): Lease | undefined {
    if (!this.#isHeld(lease)) return undefined;
    const expiresAt = this.#clock.now() + ttlMs;
    this.#database.run("UPDATE leases SET expires_at = ? WHERE name = ?", expiresAt, lease.name);
    return { ...lease, expiresAt };
  }

  release(lease: Lease): void {
    this.#database.run(
      "UPDATE leases SET holder = '', expires_at = 0 WHERE name = ? AND token = ?",
      lease.name,
      lease.token,
    );
  }

  holder(name: string): LeaseHolder | undefined {
    const row = this.#find(name);
    if (row === undefined || row.expires_at <= this.#clock.now() || isHolderDead(row.holder))
      return undefined;
    const { holder, taken_at: since } = row;
    return since === null ? { holder } : { holder, since };
  }

  /** Throws LeaseLostError unless the lease is still held. */
  check(lease: Lease): void {
    if (!this.#isHeld(lease)) throw new LeaseLostError(lease.name);
  }

  #isHeld(lease: Lease): boolean {
    const row = this.#find(lease.name);
    return row?.token === lease.token && row.expires_at > this.#clock.now();
  }

  #find(name: string): LeaseRow | undefined {
    return this.#database.get(selectLease, name) as LeaseRow | undefined;
  }
}
