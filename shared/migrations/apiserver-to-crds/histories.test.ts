import assert from "node:assert/strict";
import { test } from "node:test";
import { Dice } from "../testing/dice.ts";
import { History } from "./testing/history.ts";

/** Each takes much longer than one of `etcd-to-kubernetes`. */
const SEEDS = Math.ceil(Number(process.env["CALICO_MIGRATOR_HISTORIES"] ?? "100") / 10);
const FIRST = Number(process.env["CALICO_MIGRATOR_HISTORY"] ?? "1");

test(`whatever happens to both groups and to the workers, both mean the same in the end, or nothing is left (${SEEDS} seeds)`, async () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++)
    assert.deepEqual(await History.play(new Dice(seed)), [], `seed ${seed}`);
});
