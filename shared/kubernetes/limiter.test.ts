import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { suite, test } from "node:test";
import { KubernetesApiError } from "./errors.ts";
import { AdaptiveLimiter, mapLimited } from "./limiter.ts";

function pushBack(status: number, retryAfterMs?: number): KubernetesApiError {
  const code = status === 0 ? "KUBERNETES_TIMEOUT" : "KUBERNETES_TOO_MANY_REQUESTS";
  return new KubernetesApiError(code, "pushed back", { next: "wait", status, retryAfterMs });
}

/** Calls that end when they are told to, with a clock that stands still unless moved. */
function bench(options: { start?: number; max?: number } = {}) {
  let time = 0;
  const limiter = new AdaptiveLimiter({ ...options, now: () => time });
  const started: number[] = [];
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const results: Promise<void>[] = [];
  const ask = (signal?: AbortSignal): Promise<void> => {
    const index = results.length;
    const result = limiter.run(() => {
      started.push(index);
      return new Promise<void>((resolve, reject) => ends.push({ resolve, reject }));
    }, signal);
    result.catch(() => undefined);
    results.push(result);
    return result;
  };
  const finish = async (latency: number, error?: Error): Promise<void> => {
    time += latency;
    for (const end of ends.splice(0)) {
      if (error === undefined) end.resolve();
      else end.reject(error);
    }
    await delay(0);
  };
  return { limiter, started, ends, ask, finish, move: (ms: number) => (time += ms) };
}

suite("AdaptiveLimiter", () => {
  test("begins no more than the limit, in the order asked", async () => {
    const { started, ask, finish } = bench({ start: 2, max: 2 });
    for (let n = 0; n < 5; n++) void ask();
    await delay(0);
    assert.deepEqual(started, [0, 1]);
    await finish(1);
    assert.deepEqual(started, [0, 1, 2, 3]);
    await finish(1);
    assert.deepEqual(started, [0, 1, 2, 3, 4]);
  });

  test("grows to the maximum while latency holds and the limit is used", async () => {
    const { limiter, ask, finish } = bench({ start: 2, max: 6 });
    for (let n = 0; n < 100; n++) void ask();
    for (let n = 0; n < 20; n++) await finish(10);
    assert.equal(limiter.limit, 6);
  });

  test("does not grow when latency doubles, nor without demand", async () => {
    const slow = bench({ start: 2, max: 16 });
    for (let n = 0; n < 100; n++) void slow.ask();
    await delay(0);
    await slow.finish(10);
    const { limit } = slow.limiter;
    for (let n = 0; n < 4; n++) await slow.finish(50);
    assert.equal(slow.limiter.limit, limit);

    for (let n = 0; n < 200; n++) void slow.ask();
    for (let n = 0; n < 100; n++) await slow.finish(50);
    assert(slow.limiter.limit > limit, "what is always slow is not held back for ever");

    const idle = bench({ start: 4, max: 16 });
    for (let n = 0; n < 40; n++) {
      void idle.ask();
      await delay(0);
      await idle.finish(10);
    }
    assert.equal(idle.limiter.limit, 4);
  });

  test("halves once for all that was under way, and again for what began later", async () => {
    const { limiter, ask, finish, move } = bench({ start: 16, max: 16 });
    for (let n = 0; n < 16; n++) void ask();
    await delay(0);
    await finish(5, pushBack(503));
    assert.equal(limiter.limit, 8);
    move(1000);
    for (let n = 0; n < 8; n++) void ask();
    await delay(0);
    await finish(5, pushBack(0));
    assert.equal(limiter.limit, 4, "a timeout halves too");
  });

  test("never goes below one, and other errors do not matter", async () => {
    const { limiter, ask, finish } = bench({ start: 2 });
    for (let n = 0; n < 5; n++) {
      void ask();
      await delay(0);
      await finish(1, pushBack(0));
    }
    assert.equal(limiter.limit, 1);
    const other = bench({ start: 4 });
    void other.ask();
    await delay(0);
    await other.finish(1, new Error("mine"));
    assert.equal(other.limiter.limit, 4);
  });

  test("Retry-After holds back everything, new calls too", async () => {
    const limiter = new AdaptiveLimiter({ start: 4 });
    const from = performance.now();
    await assert.rejects(
      limiter.run(() => Promise.reject(pushBack(429, 120))),
      { status: 429 },
    );
    const waited = await Promise.all(
      [1, 2, 3].map(() => limiter.run(() => Promise.resolve(performance.now() - from))),
    );
    for (const ms of waited) assert(ms >= 119, `begun after ${ms} ms`);
  });

  test("a pause that ends while it is looked at holds nobody back for ever", async () => {
    const times = [0, 0, 0, 0, 0];
    const limiter = new AdaptiveLimiter({ max: 1, now: () => times.shift() ?? 10 });
    await assert.rejects(limiter.run(() => Promise.reject(pushBack(429, 10))));
    // Still paused at the first look, at which the call has to wait; over at the next.
    times.splice(0, times.length, 9.999, 9.999);
    assert.equal(await limiter.run(() => Promise.resolve("begun")), "begun");
  });

  test("an aborted call leaves the queue without being begun", async () => {
    const { started, ask, finish } = bench({ start: 1, max: 1 });
    void ask();
    const abort = new AbortController();
    const second = ask(abort.signal);
    void ask();
    await delay(0);
    abort.abort(new Error("enough"));
    await assert.rejects(second, /enough/);
    await finish(1);
    assert.deepEqual(started, [0, 2]);
  });
});

suite("admit", () => {
  test("lets in few more than can run, in the order asked, and whoever ended makes room, failed or not", async () => {
    const limiter = new AdaptiveLimiter({ max: 2 });
    const begun: number[] = [];
    const ends: ((error?: Error) => void)[] = [];
    const works = Array.from({ length: 20 }, (_, index) =>
      limiter.admit(() => {
        begun.push(index);
        return new Promise<void>((resolve, reject) =>
          ends.push((error) => {
            if (error === undefined) resolve();
            else reject(error);
          }),
        );
      }),
    );
    await delay(0);
    const room = begun.length;
    assert.ok(room > 2 && room < 10, `${room} are in`);
    ends[0]?.(new Error("failed"));
    await assert.rejects(works[0] ?? Promise.resolve(), /failed/);
    ends[1]?.();
    await delay(0);
    assert.deepEqual(
      begun,
      Array.from({ length: room + 2 }, (_, index) => index),
    );
    for (let next = 2; next < works.length; next++) {
      ends[next]?.();
      await delay(0);
    }
    await Promise.all(works.slice(1));
    assert.equal(begun.length, works.length);
  });
});

suite("mapLimited", () => {
  test("keeps the items' order", async () => {
    const limiter = new AdaptiveLimiter({ start: 3 });
    const doubled = await mapLimited([3, 1, 2, 5], limiter, async (n) => {
      await delay(n);
      return n * 2;
    });
    assert.deepEqual(doubled, [6, 2, 4, 10]);
  });

  test("throws the first error once all that began has ended, and begins no more", async () => {
    const limiter = new AdaptiveLimiter({ start: 2, max: 2 });
    const begun: number[] = [];
    let ended = 0;
    const work = mapLimited([0, 1, 2, 3, 4], limiter, async (n) => {
      begun.push(n);
      await delay(n === 0 ? 5 : 30);
      ended++;
      if (n === 0) throw new Error("first");
    });
    await assert.rejects(work, /first/);
    assert.deepEqual(begun, [0, 1]);
    assert.equal(ended, 2);
  });
});
