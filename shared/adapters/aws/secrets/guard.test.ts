import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { guarded } from "./guard.ts";

class Api {
  readonly name = "api";
  readonly #secret = 42;

  read(fail: boolean): Promise<number> {
    return fail ? Promise.reject(new Error("read")) : Promise.resolve(this.#secret);
  }

  async *pages(fail: boolean): AsyncGenerator<number> {
    yield await Promise.resolve(1);
    if (fail) throw new Error("pages");
    yield this.#secret;
  }

  now(): number {
    return this.#secret;
  }
}

describe("a guarded object", () => {
  const api = guarded(new Api(), (error) => new Error(`guarded ${String(error)}`));

  it("does what the object does", async () => {
    assert.equal(api.name, "api");
    assert.equal(api.now(), 42);
    assert.equal(await api.read(false), 42);
    assert.deepEqual(await Array.fromAsync(api.pages(false)), [1, 42]);
  });

  it("translates what promises and iterations fail with", async () => {
    await assert.rejects(api.read(true), { message: "guarded Error: read" });
    const seen: number[] = [];
    const walk = async () => {
      for await (const page of api.pages(true)) seen.push(page);
    };
    await assert.rejects(walk, { message: "guarded Error: pages" });
    assert.deepEqual(seen, [1]);
  });
});
