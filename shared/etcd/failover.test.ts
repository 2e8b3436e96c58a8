import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MigratorError } from "../errors.ts";
import { Failover, type Repeatable, type Target } from "./failover.ts";

/** Long enough that a test which waits for it never ends. */
const HOUR_MS = 3_600_000;
const REFUSED = new Error("14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED");
const DROPPED = new Error("14 UNAVAILABLE: Connection dropped");
const NO_LEADER = new Error("14 UNAVAILABLE: etcdserver: no leader");
const BAD_CERTIFICATE = new Error(
  "14 UNAVAILABLE: No connection established. Last error: self-signed certificate",
);
const BAD_PASSWORD = new Error(
  "3 INVALID_ARGUMENT: etcdserver: authentication failed, invalid user ID or password",
);

/** A target whose calls and checks fail with the given errors, one after another, and then succeed. */
class FakeTarget implements Target {
  readonly url: string;
  readonly #dead: Error | undefined;
  readonly #failures: Error[];
  checks = 0;
  calls = 0;

  constructor(url: string, options: { dead?: Error; failures?: Error[] } = {}) {
    this.url = url;
    this.#dead = options.dead;
    this.#failures = options.failures ?? [];
  }

  ready(): Promise<void> {
    this.checks++;
    return this.#dead ? Promise.reject(this.#dead) : Promise.resolve();
  }

  call(): Promise<string> {
    this.calls++;
    const failure = this.#failures.shift();
    return failure ? Promise.reject(failure) : Promise.resolve(this.url);
  }
}

function run(
  targets: [FakeTarget, ...FakeTarget[]],
  repeatable: Repeatable,
  timeoutMs = 5_000,
): Promise<string> {
  return new Failover(targets, timeoutMs).run(repeatable, (target) => target.call());
}

function fails(code: string): (error: unknown) => boolean {
  return (error) => error instanceof MigratorError && error.code === code;
}

describe("Failover", () => {
  for (const repeatable of ["repeatable", "once"] as const) {
    it(`passes over a dead target (${repeatable})`, async () => {
      const dead = new FakeTarget("a", { dead: REFUSED });
      assert.equal(await run([dead, new FakeTarget("b")], repeatable), "b");
      assert.equal(dead.calls, 0);
    });

    it(`passes over a target with another certificate (${repeatable})`, async () => {
      assert.equal(
        await run([new FakeTarget("a", { dead: BAD_CERTIFICATE }), new FakeTarget("b")], repeatable),
        "b",
      );
    });

    it(`waits for a leader (${repeatable})`, async () => {
      const target = new FakeTarget("a", { failures: [NO_LEADER, NO_LEADER, NO_LEADER, NO_LEADER] });
      assert.equal(await run([target], repeatable), "a");
      assert.equal(target.calls, 5);
    });
  }

  it("stays with the target that worked", async () => {
    const dead = new FakeTarget("a", { dead: REFUSED });
    const failover = new Failover([dead, new FakeTarget("b")], 5_000);
    for (let n = 0; n < 3; n++) await failover.run("repeatable", (target) => target.call());
    assert.equal(dead.checks, 1);
  });

  it("repeats a read whose connection was lost on the next target", async () => {
    assert.equal(
      await run([new FakeTarget("a", { failures: [DROPPED] }), new FakeTarget("b")], "repeatable"),
      "b",
    );
  });

  it("never repeats a write that may have been executed", async () => {
    const target = new FakeTarget("a", { failures: [DROPPED] });
    const other = new FakeTarget("b");
    await assert.rejects(run([target, other], "once"), fails("ETCD_UNREACHABLE"));
    assert.deepEqual([target.calls, other.calls], [1, 0]);
  });

  it("repeats a write that certainly was not sent", async () => {
    assert.equal(await run([new FakeTarget("a", { failures: [REFUSED] })], "once"), "a");
  });

  it("gives up on unreachable targets long before the deadline, and names them all", async () => {
    const targets: [FakeTarget, FakeTarget] = [
      new FakeTarget("a", { dead: REFUSED }),
      new FakeTarget("b", { dead: REFUSED }),
    ];
    await assert.rejects(run(targets, "repeatable", HOUR_MS), (error) => {
      assert.ok(error instanceof MigratorError && error.code === "ETCD_UNREACHABLE" && error.retryable);
      assert.match(error.message, /^a: .*; b: /);
      return true;
    });
    assert.deepEqual(
      targets.map(({ checks }) => checks),
      [3, 3],
    );
  });

  it("tries each target once when no certificate fits", async () => {
    const target = new FakeTarget("a", { dead: BAD_CERTIFICATE });
    await assert.rejects(run([target], "repeatable"), fails("ETCD_TLS"));
    assert.equal(target.checks, 1);
  });

  it("does not try a wrong password elsewhere", async () => {
    const other = new FakeTarget("b");
    await assert.rejects(
      run([new FakeTarget("a", { dead: BAD_PASSWORD }), other], "repeatable"),
      fails("ETCD_AUTH"),
    );
    assert.equal(other.checks, 0);
  });

  it("stops waiting for a leader at the deadline", async () => {
    const target = new FakeTarget("a", { failures: Array.from({ length: 1_000 }, () => NO_LEADER) });
    await assert.rejects(run([target], "repeatable", 400), fails("ETCD_NO_LEADER"));
    assert.ok(target.calls > 0 && target.calls < 1_000, `${target.calls} calls`);
  });

  it("leaves time for the next target when one hangs", async () => {
    const deadlines: number[] = [];
    const failover = new Failover([new FakeTarget("a"), new FakeTarget("b")], HOUR_MS);
    const started = Date.now();
    await failover.run("repeatable", (target, deadline) => {
      deadlines.push(deadline - started);
      return target.url === "a" ? Promise.reject(new Error("4 DEADLINE_EXCEEDED: x")) : Promise.resolve();
    });
    assert.ok(deadlines.length === 2 && deadlines[0] !== undefined && deadlines[0] <= 0.6 * HOUR_MS);
  });

  it("gives a call to the only target all of the time", async () => {
    const started = Date.now();
    const deadline = await new Failover([new FakeTarget("a")], HOUR_MS).run("repeatable", (_, until) =>
      Promise.resolve(until - started),
    );
    assert.ok(deadline >= HOUR_MS && deadline < 1.1 * HOUR_MS);
  });
});
