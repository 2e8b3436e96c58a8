import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { LeaseLostError } from "./errors.ts";
import { HeldLease } from "./held-lease.ts";
import type { CheckpointStore } from "./ports.ts";
import type { Lease } from "./records.ts";
import type { ManualClock } from "./testing/manual-clock.ts";
import { NEVER, type Rig, withRig } from "./testing/rig.ts";

const TTL_MS = 30_000;

type Renewal = (lease: Lease, ttlMs: number) => Promise<Lease | undefined>;

/** Takes the lease "work" as `holder`; renewals go through `renew`, where given. */
function take(
  rig: Rig<null>,
  holder = "a",
  over: { renew?: Renewal; signal?: AbortSignal } = {},
): Promise<HeldLease | undefined> {
  const { store, clock } = rig.ports;
  const own: Pick<CheckpointStore, "acquireLease" | "renewLease" | "releaseLease"> = {
    acquireLease: (...args) => store.acquireLease(...args),
    renewLease: over.renew ?? ((...args) => store.renewLease(...args)),
    releaseLease: (...args) => store.releaseLease(...args),
  };
  const request = { name: "work", holder, ttlMs: TTL_MS, signal: over.signal ?? NEVER };
  return HeldLease.take({ store: own, clock }, request);
}

async function held(
  rig: Rig<null>,
  holder?: string,
  over?: { renew?: Renewal; signal?: AbortSignal },
): Promise<HeldLease> {
  const lease = await take(rig, holder, over);
  assert.ok(lease);
  return lease;
}

/** Lets time pass, timers and clock alike. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1_000) {
    clock.advance(Math.min(1_000, left));
    mock.timers.tick(Math.min(1_000, left));
    await setImmediate();
  }
}

function withLeases(body: (rig: Rig<null>) => Promise<void>): () => Promise<void> {
  return () => withRig(null, [], body);
}

describe("HeldLease", () => {
  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
  });
  afterEach(() => {
    mock.timers.reset();
  });

  test(
    "is not to be had while another holds it, and is once it was given back",
    withLeases(async (rig) => {
      {
        await using lease = await held(rig);
        lease.ensureHeld();
        assert.equal(await take(rig, "b"), undefined);
      }
      await using next = await held(rig, "b");
      assert.equal(next.current.holder, "b");
    }),
  );

  test(
    "is renewed for as long as work goes on",
    withLeases(async (rig) => {
      await using lease = await held(rig);
      const { token } = lease.current;

      await pass(rig.clock, 10 * TTL_MS);

      assert.equal(lease.current.token, token);
      assert.equal(lease.signal.aborted, false);
      assert.equal(await take(rig, "b"), undefined);
    }),
  );

  test(
    "knows that it has expired where no timer could run",
    withLeases(async (rig) => {
      await using lease = await held(rig);

      rig.clock.advance(TTL_MS);

      assert.throws(() => lease.current, LeaseLostError);
      assert.equal(lease.signal.aborted, true);
      assert.throws(() => {
        lease.ensureHeld();
      }, LeaseLostError);
    }),
  );

  test(
    "lets no write begin that may end after it has expired",
    withLeases(async (rig) => {
      await using lease = await held(rig);
      rig.clock.advance((2 * TTL_MS) / 3);
      lease.ensureHeld();

      rig.clock.advance(TTL_MS / 3 - 2_000);

      assert.throws(() => {
        lease.ensureHeld();
      }, LeaseLostError);
      assert.equal(await take(rig, "b"), undefined);
    }),
  );

  test(
    "stays lost, whatever the clock says",
    withLeases(async (rig) => {
      await using lease = await held(rig);
      rig.clock.advance(TTL_MS);
      assert.throws(() => lease.current, LeaseLostError);

      rig.clock.advance(-TTL_MS);

      assert.throws(() => lease.current, LeaseLostError);
    }),
  );

  test(
    "is lost when another took it over, and is then not given back",
    withLeases(async (rig) => {
      const lease = await held(rig);
      rig.clock.advance(TTL_MS);
      await using successor = await held(rig, "b");

      mock.timers.tick(TTL_MS / 3);
      await setImmediate();
      await lease[Symbol.asyncDispose]();

      assert.equal(lease.signal.aborted, true);
      successor.ensureHeld();
      assert.equal(await take(rig, "c"), undefined);
    }),
  );

  test(
    "survives a renewal that fails",
    withLeases(async (rig) => {
      let calls = 0;
      const renew: Renewal = (lease, ttlMs) => {
        calls += 1;
        return calls === 1 ? Promise.reject(new Error("busy")) : rig.ports.store.renewLease(lease, ttlMs);
      };
      await using lease = await held(rig, "a", { renew });

      await pass(rig.clock, 2 * TTL_MS);

      lease.ensureHeld();
      assert.equal(lease.signal.aborted, false);
    }),
  );

  for (const [how, renew] of [
    ["fail", () => Promise.reject(new Error("unreachable"))],
    ["get no answer", () => new Promise<never>(() => undefined)],
  ] as [string, Renewal][]) {
    test(
      `ends its signal before it expires when renewals ${how}`,
      withLeases(async (rig) => {
        await using lease = await held(rig, "a", { renew });

        await pass(rig.clock, TTL_MS / 2);
        assert.equal(lease.signal.aborted, false);
        await pass(rig.clock, TTL_MS / 2 - 1_000);

        assert.equal(lease.signal.aborted, true);
        assert.throws(() => lease.current, LeaseLostError);
      }),
    );
  }

  test(
    "ends its signal when the outer one ends, but is held until it is given back",
    withLeases(async (rig) => {
      const outer = new AbortController();
      await using lease = await held(rig, "a", { signal: outer.signal });

      outer.abort();

      assert.equal(lease.signal.aborted, true);
      lease.ensureHeld();
    }),
  );

  test(
    "is not brought back by a renewal that is answered too late",
    withLeases(async (rig) => {
      let calls = 0;
      let answer = (): void => undefined;
      const renew: Renewal = (lease) => {
        calls += 1;
        return new Promise((resolve) => {
          answer = () => {
            resolve({ ...lease, expiresAt: rig.clock.now() + TTL_MS });
          };
        });
      };
      await using lease = await held(rig, "a", { renew });
      await pass(rig.clock, TTL_MS - 1_000);

      answer();
      await pass(rig.clock, 2 * TTL_MS);

      assert.throws(() => lease.current, LeaseLostError);
      assert.equal(calls, 1);
    }),
  );

  test(
    "renews nothing after it was given back, also not when a renewal was under way",
    withLeases(async (rig) => {
      let calls = 0;
      const answers: (() => void)[] = [];
      const renew: Renewal = (lease) => {
        calls += 1;
        return new Promise((resolve) => {
          answers.push(() => {
            resolve(lease);
          });
        });
      };
      const lease = await held(rig, "a", { renew });
      await pass(rig.clock, TTL_MS / 3);
      assert.equal(calls, 1);

      await lease[Symbol.asyncDispose]();
      for (const answer of answers) answer();
      await pass(rig.clock, 3 * TTL_MS);

      assert.equal(calls, 1);
    }),
  );
});
