import { LeaseLostError } from "./errors.ts";
import type { CheckpointStore, Clock } from "./ports.ts";
import type { Lease } from "./records.ts";

/**
 * A lease that is renewed while work goes on.
 *
 *     acquired        renewed         renewed          last renewal failed
 *        |---- ttl/3 ----|---- ttl/3 ----|-------------------|- signal aborts at expiry minus a margin
 *
 * `signal` aborts when the lease is lost or about to expire unrenewed, or when the outer signal aborts: whoever writes
 * to a cluster passes it on, so that no write of this holder starts after another one may have taken over.
 */
export class HeldLease implements AsyncDisposable {
  readonly signal: AbortSignal;
  private readonly controller = new AbortController();
  private readonly store: CheckpointStore;
  private readonly clock: Clock;
  private readonly ttlMs: number;
  private timer: NodeJS.Timeout | undefined;
  private lease: Lease;

  private constructor(store: CheckpointStore, clock: Clock, lease: Lease, ttlMs: number, outer: AbortSignal) {
    this.store = store;
    this.clock = clock;
    this.lease = lease;
    this.ttlMs = ttlMs;
    this.signal = AbortSignal.any([this.controller.signal, outer]);
    this.schedule();
  }

  /** Takes the lease `name`; undefined when another holds it. */
  static async take(
    ports: { store: CheckpointStore; clock: Clock },
    request: { name: string; holder: string; ttlMs: number; signal: AbortSignal },
  ): Promise<HeldLease | undefined> {
    const lease = await ports.store.acquireLease(request.name, request.holder, request.ttlMs);
    if (lease === undefined) return undefined;
    return new HeldLease(ports.store, ports.clock, lease, request.ttlMs, request.signal);
  }

  /** The lease as last renewed, for the condition of a write. Throws LeaseLostError once it was lost or has expired. */
  get current(): Lease {
    this.ensureHeld();
    return this.lease;
  }

  /** Throws LeaseLostError once the lease was lost or has expired, also where no timer could run meanwhile. */
  ensureHeld(): void {
    if (!this.controller.signal.aborted && this.clock.now() < this.lease.expiresAt) return;
    const lost = new LeaseLostError(this.lease.name);
    this.controller.abort(lost);
    throw lost;
  }

  /** Gives the lease back. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.timer);
    if (!this.controller.signal.aborted) await this.store.releaseLease(this.lease);
  }

  private schedule(): void {
    this.timer = setTimeout(() => void this.renew(), this.ttlMs / 3);
    this.timer.unref();
  }

  private async renew(): Promise<void> {
    try {
      const renewed = await this.store.renewLease(this.lease, this.ttlMs);
      if (renewed === undefined) {
        this.controller.abort(new LeaseLostError(this.lease.name));
        return;
      }
      this.lease = renewed;
    } catch {
      if (this.clock.now() > this.lease.expiresAt - this.ttlMs / 3) {
        this.controller.abort(new LeaseLostError(this.lease.name));
        return;
      }
    }
    this.schedule();
  }
}
