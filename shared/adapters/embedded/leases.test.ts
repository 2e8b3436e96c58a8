import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { take, ttlMs } from "../../engine/contract/fixtures.ts";
import { ManualClock } from "../../engine/testing/manual-clock.ts";
import { holderName, openEmbedded } from "./index.ts";
import { withStorePath } from "./testing/temporary-store.ts";

describe("a lease of a process of this host", () => {
  const clock = new ManualClock();

  test("can be taken over at once when the process is dead, and is fenced off then", () =>
    withStorePath(async (path) => {
      const { store, close } = openEmbedded(path, { clock });
      const { pid } = spawnSync(process.execPath, ["-e", ""]);
      const dead = await take(store, "run/r1", holderName().replace(`:${process.pid}:`, `:${pid}:`));

      const taken = await take(store, "run/r1", holderName());

      assert.equal(taken.token, dead.token + 1);
      await assert.rejects(store.putCheckpoints("r1", "resources", [], dead), { code: "LEASE_LOST" });
      close();
    }));

  test("is kept while the process lives", () =>
    withStorePath(async (path) => {
      const { store, close } = openEmbedded(path, { clock });
      await take(store, "run/r1", holderName());

      assert.equal(await store.acquireLease("run/r1", holderName(), ttlMs), undefined);
      close();
    }));
});
