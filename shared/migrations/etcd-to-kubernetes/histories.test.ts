import assert from "node:assert/strict";
import { test } from "node:test";
import { Dice } from "../testing/dice.ts";
import { History } from "./testing/history.ts";

/** How many histories are played, and from which seed on. */
const SEEDS = Number(process.env["CALICO_MIGRATOR_HISTORIES"] ?? "100");
const FIRST = Number(process.env["CALICO_MIGRATOR_HISTORY"] ?? "1");

test(`whatever happens to both sides and to the workers, both sides mean the same in the end (${SEEDS} seeds)`, async () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++)
    assert.deepEqual(await History.play(new Dice(seed)), [], `seed ${seed}`);
});
