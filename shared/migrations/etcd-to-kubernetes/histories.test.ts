import assert from "node:assert/strict";
import { test } from "node:test";
import { Dice } from "../testing/dice.ts";
import { History } from "./testing/history.ts";
import { LateHistory } from "./testing/late-history.ts";

/** How many histories are played, and from which seed on. */
const SEEDS = Number(process.env["CALICO_MIGRATOR_HISTORIES"] ?? "100");
const FIRST = Number(process.env["CALICO_MIGRATOR_HISTORY"] ?? "1");

test(`whatever happens to both sides and to the workers, both sides mean the same in the end (${SEEDS} seeds)`, async () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++)
    assert.deepEqual(await History.play(new Dice(seed)), [], `seed ${seed}`);
});

/** Shorter than a whole migration's, and with fewer ways to go. */
const LATE_SEEDS = Math.ceil(SEEDS / 4);

test(`whatever is written to the locked etcd, a late rollback keeps and names it (${LATE_SEEDS} seeds)`, async () => {
  for (let seed = FIRST; seed < FIRST + LATE_SEEDS; seed++)
    assert.deepEqual(await LateHistory.play(new Dice(seed)), [], `seed ${seed}`);
});
