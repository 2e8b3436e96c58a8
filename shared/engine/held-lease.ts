import { LeaseLostError } from "./errors.ts";
import type { CheckpointStore, Clock } from "./ports.ts";
import type { Lease } from "./records.ts";

/** What a lease needs of the store. */
type LeaseStore = Pick<CheckpointStore, "acquireLease" | "renewLease" | "releaseLease">;

/**
 * Does `work`. When its lease is lost, it returns without an error: whoever holds the lease now goes on, or the
 * wake-up finds the work.
 */
export async function unlessLost(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
  }
}

/**
 * A lease that is renewed while work goes on.
 *
 *     granted              renewed              renewed
 *        |------ ttl/3 ------|------ ttl/3 ------|-- ttl/3 --|-- ttl/3 --|- ttl/6 -| signal aborts; expiry ttl/6 later
 *                                                         failed       failed
 *
 * `signal` aborts when the lease is lost or about to expire unrenewed (the renewal failed or got no answer), or when the
 * outer signal aborts: whoever writes to a cluster passes it on, so that no write of this holder starts after another one
 * may have taken over.
 */
export class HeldLease implements AsyncDisposable {
  readonly signal: AbortSignal;
  private readonly controller = new AbortController();
  private readonly store: LeaseStore;
  private readonly clock: Pick<Clock, "now">;
  private readonly ttlMs: number;
  /** Work stops this long before the lease expires, so that a write that has just begun ends in time. */
  private readonly marginMs: number;
  private lease: Lease;
  private renewal: NodeJS.Timeout | undefined;
  private expiry: NodeJS.Timeout | undefined;
  /** It was lost or given back. */
  private over = false;

  private constructor(
    ports: { store: LeaseStore; clock: Pick<Clock, "now"> },
    lease: Lease,
    ttlMs: number,
    outer: AbortSignal,
  ) {
    this.store = ports.store;
    this.clock = ports.clock;
    this.lease = lease;
    this.ttlMs = ttlMs;
    this.marginMs = ttlMs / 6;
    this.signal = AbortSignal.any([this.controller.signal, outer]);
    this.granted(lease);
  }

  /** Takes the lease `name`; undefined when another holds it. */
  static async take(
    ports: { store: LeaseStore; clock: Pick<Clock, "now"> },
    request: { name: string; holder: string; ttlMs: number; signal: AbortSignal },
  ): Promise<HeldLease | undefined> {
    const lease = await ports.store.acquireLease(request.name, request.holder, request.ttlMs);
    if (lease === undefined) return undefined;
    return new HeldLease(ports, lease, request.ttlMs, request.signal);
  }

  /** The lease as last renewed, for the condition of a write. Throws as {@link HeldLease.ensureHeld}. */
  get current(): Lease {
    this.ensureHeld();
    return this.lease;
  }

  /** Throws LeaseLostError once the lease was lost, is about to expire (also where no timer could run) or was given back. */
  ensureHeld(): void {
    if (!this.over && this.clock.now() < this.lease.expiresAt - this.marginMs) return;
    this.lose();
    throw new LeaseLostError(this.lease.name);
  }

  /** Gives the lease back. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.over) return;
    this.end();
    await this.store.releaseLease(this.lease);
  }

  private granted(lease: Lease): void {
    this.lease = lease;
    this.renewLater();
    clearTimeout(this.expiry);
    const expiry = setTimeout(() => {
      this.lose();
    }, this.ttlMs - this.marginMs);
    this.expiry = expiry.unref();
  }

  private renewLater(): void {
    this.renewal = setTimeout(() => void this.renew(), this.ttlMs / 3).unref();
  }

  private async renew(): Promise<void> {
    const renewed = await this.store.renewLease(this.lease, this.ttlMs).catch(() => "failed" as const);
    if (this.over) return;
    if (renewed === "failed") this.renewLater();
    else if (renewed === undefined) this.lose();
    else this.granted(renewed);
  }

  private lose(): void {
    this.end();
    this.controller.abort(new LeaseLostError(this.lease.name));
  }

  private end(): void {
    this.over = true;
    clearTimeout(this.renewal);
    clearTimeout(this.expiry);
  }
}
