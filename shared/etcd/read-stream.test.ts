import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import { MigratorError } from "../errors.ts";
import { readStream } from "./read-stream.ts";

/** A gRPC stream that serves numbers without end, or what is pushed to it. */
class FakeStream extends Duplex {
  served = 0;
  cancels = 0;
  readonly #endless: boolean;

  constructor(endless: boolean) {
    super({ objectMode: true });
    this.#endless = endless;
  }

  override _read(): void {
    if (this.#endless) this.push(++this.served);
  }

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }

  cancel(): void {
    this.cancels++;
    // As gRPC does: the end of a cancelled call is an error that comes later.
    setImmediate(() => this.emit("error", new Error("1 CANCELLED: Cancelled on client")));
  }
}

async function collect(stream: FakeStream, wait: Parameters<typeof readStream>[1]): Promise<number[]> {
  const seen: number[] = [];
  for await (const message of readStream<number>(stream, wait)) seen.push(message);
  return seen;
}

describe("readStream", () => {
  it("takes messages only as fast as they are consumed, and ends the call when the consumer has enough", async () => {
    const stream = new FakeStream(true);
    const seen: number[] = [];
    for await (const message of readStream<number>(stream, { timeoutMs: 1_000 })) {
      seen.push(message);
      await new Promise(setImmediate);
      if (seen.length === 5) break;
    }
    assert.deepEqual(seen, [1, 2, 3, 4, 5]);
    assert.ok(stream.served < 30, `${stream.served} messages were taken for 5`);
    assert.ok(stream.cancels > 0 && stream.destroyed);
  });

  it("ends with the stream", async () => {
    const stream = new FakeStream(false);
    for (const message of [1, 2, null]) stream.push(message);
    assert.deepEqual(await collect(stream, { timeoutMs: 1_000 }), [1, 2]);
  });

  it("gives what arrived before the stream failed, then fails", async () => {
    const stream = new FakeStream(false);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const message of readStream<number>(stream, { timeoutMs: 1_000 })) {
        seen.push(message);
        if (message === 1) {
          stream.push(2);
          stream.push(null);
          stream.emit("error", new Error("14 UNAVAILABLE"));
        }
      }
    })();
    stream.push(1);
    await assert.rejects(reading, /UNAVAILABLE/);
    assert.deepEqual(seen, [1, 2]);
  });

  it("fails with ETCD_TIMEOUT and ends the call when a message is late; tried again it is read", async () => {
    const stream = new FakeStream(false);
    await assert.rejects(collect(stream, { timeoutMs: 20 }), (error) => {
      assert.ok(error instanceof MigratorError && error.code === "ETCD_TIMEOUT" && error.retryable);
      assert.match(error.next, /^Try again; if it lasts, look at the health of the etcd cluster/);
      return true;
    });
    assert.ok(stream.cancels > 0);
    const again = new FakeStream(false);
    for (const message of [1, null]) again.push(message);
    assert.deepEqual(await collect(again, { timeoutMs: 1_000 }), [1]);
  });

  it("does not count the consumer's time", async () => {
    const stream = new FakeStream(true);
    let count = 0;
    for await (const message of readStream<number>(stream, { timeoutMs: 20 })) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      count = message;
      if (message === 2) break;
    }
    assert.equal(count, 2);
  });

  it("fails with the signal's reason when aborted while it waits, and before it begins", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const stream = new FakeStream(false);
    setTimeout(() => {
      controller.abort(reason);
    }, 10);
    await assert.rejects(collect(stream, { timeoutMs: 5_000, signal: controller.signal }), reason);
    assert.ok(stream.cancels > 0);
    await assert.rejects(
      collect(new FakeStream(true), { timeoutMs: 5_000, signal: controller.signal }),
      reason,
    );
  });
});
