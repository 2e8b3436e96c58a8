import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Lease } from "../records.ts";
import { aCheckpoint, type OpenStore, take, ttlMs, withStore } from "./fixtures.ts";

export function leaseTests(open: OpenStore): void {
  takingTests(open);
  renewingTests(open);
  releasingTests(open);
}

function takingTests(open: OpenStore): void {
  void test(
    "a free lease is taken until now + ttl",
    withStore(open, async ({ store, clock }) => {
      const lease = await store.acquireLease("run/r1", "a", ttlMs);

      assert.ok(lease !== undefined && lease.token > 0);
      assert.deepEqual(lease, {
        name: "run/r1",
        holder: "a",
        token: lease.token,
        expiresAt: clock.now() + ttlMs,
      });
    }),
  );

  void test(
    "a held lease is given to nobody, not even to its holder again",
    withStore(open, async ({ store, clock }) => {
      await take(store, "run/r1", "a");
      clock.advance(ttlMs - 1);

      assert.equal(await store.acquireLease("run/r1", "b", ttlMs), undefined);
      assert.equal(await store.acquireLease("run/r1", "a", ttlMs), undefined);
    }),
  );

  void test(
    "an expired lease is taken over with a higher token",
    withStore(open, async ({ store, clock }) => {
      const first = await take(store, "run/r1", "a");
      clock.advance(ttlMs);

      const second = await take(store, "run/r1", "b");

      assert.equal(second.holder, "b");
      assert.ok(second.token > first.token);
    }),
  );

  void test(
    "leases of other names are independent",
    withStore(open, async ({ store }) => {
      await take(store, "run/r1", "a");

      assert.equal((await take(store, "run/r2", "b")).name, "run/r2");
    }),
  );

  void test(
    "who holds a lease, and since when, is told until it expires or is given back",
    withStore(open, async ({ store, clock }) => {
      assert.equal(await store.findHolder("run/r1"), undefined);
      const since = clock.now();
      const lease = await take(store, "run/r1", "a");
      clock.advance(ttlMs - 1);
      assert.deepEqual(await store.findHolder("run/r1"), { holder: "a", since });
      await store.renewLease(lease, ttlMs);
      clock.advance(ttlMs - 1);
      assert.deepEqual(await store.findHolder("run/r1"), { holder: "a", since });
      clock.advance(1);
      assert.equal(await store.findHolder("run/r1"), undefined);

      await store.releaseLease(await take(store, "run/r1", "b"));
      assert.equal(await store.findHolder("run/r1"), undefined);
    }),
  );

  void test(
    "of many that ask at the same time, exactly one gets the lease",
    withStore(open, async ({ store }) => {
      const holders = Array.from({ length: 10 }, (_, index) => `worker ${index}`);

      const leases = await Promise.all(holders.map((holder) => store.acquireLease("run/r1", holder, ttlMs)));

      assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
    }),
  );

  void test(
    "tokens only grow, whatever happens to the lease",
    withStore(open, async ({ store, clock }) => {
      const steps = fc.array(fc.constantFrom("take", "release", "renew", "expire"), { maxLength: 12 });
      let [highest, round] = [0, 0];
      await fc.assert(
        fc.asyncProperty(steps, async (sequence) => {
          let held: Lease | undefined;
          for (const step of sequence) {
            if (step === "expire") clock.advance(ttlMs);
            else if (step === "release" && held) await store.releaseLease(held);
            else if (step === "renew" && held) await store.renewLease(held, ttlMs);
            if (step !== "take") continue;
            const lease = await store.acquireLease("run/r1", `worker ${(round += 1)}`, ttlMs);
            if (lease === undefined) continue;
            assert.ok(lease.token > highest);
            [held, highest] = [lease, lease.token];
          }
        }),
        { numRuns: 20 },
      );
      assert.ok(highest > 0);
    }),
  );
}

function renewingTests(open: OpenStore): void {
  void test(
    "a renewed lease is held longer, under the same token",
    withStore(open, async ({ store, clock }) => {
      const lease = await take(store);
      clock.advance(ttlMs - 1);

      const renewed = await store.renewLease(lease, ttlMs);
      clock.advance(ttlMs - 1);

      assert.deepEqual(renewed, { ...lease, expiresAt: lease.expiresAt + ttlMs - 1 });
      assert.equal(await store.acquireLease(lease.name, "other", ttlMs), undefined);
    }),
  );

  void test(
    "after a renewal, the lease as it was taken still lets write",
    withStore(open, async ({ store, clock }) => {
      const lease = await take(store);
      clock.advance(ttlMs - 1);
      await store.renewLease(lease, ttlMs);
      clock.advance(ttlMs - 1);

      assert.deepEqual(await store.putCheckpoints("r1", "resources", [aCheckpoint("a")], lease), []);
    }),
  );

  void test(
    "an expired lease cannot be renewed, though nobody took it",
    withStore(open, async ({ store, clock }) => {
      const lease = await take(store);
      clock.advance(ttlMs);

      assert.equal(await store.renewLease(lease, ttlMs), undefined);
    }),
  );

  void test(
    "a lease that was taken over cannot be renewed, and the new one is not prolonged by trying",
    withStore(open, async ({ store, clock }) => {
      const first = await take(store, "run/r1", "a");
      clock.advance(ttlMs);
      await take(store, "run/r1", "b");

      assert.equal(await store.renewLease(first, 10 * ttlMs), undefined);
      clock.advance(ttlMs);
      assert.equal((await take(store, "run/r1", "c")).holder, "c");
    }),
  );
}

function releasingTests(open: OpenStore): void {
  void test(
    "a released lease is free at once, and its next token is higher",
    withStore(open, async ({ store }) => {
      const first = await take(store, "run/r1", "a");
      await store.releaseLease(first);

      assert.ok((await take(store, "run/r1", "b")).token > first.token);
    }),
  );

  void test(
    "a released lease cannot be renewed",
    withStore(open, async ({ store }) => {
      const lease = await take(store);
      await store.releaseLease(lease);

      assert.equal(await store.renewLease(lease, ttlMs), undefined);
    }),
  );

  void test(
    "releasing a lease that was lost leaves its new holder alone",
    withStore(open, async ({ store, clock }) => {
      const first = await take(store, "run/r1", "a");
      clock.advance(ttlMs);
      const second = await take(store, "run/r1", "b");

      await store.releaseLease(first);

      assert.ok(await store.renewLease(second, ttlMs));
    }),
  );
}
