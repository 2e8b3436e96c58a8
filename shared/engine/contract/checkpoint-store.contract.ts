import { describe } from "node:test";
import { checkpointTests } from "./checkpoints.contract.ts";
import { fencingTests } from "./fencing.contract.ts";
import type { OpenStore } from "./fixtures.ts";
import { leaseTests } from "./leases.contract.ts";
import { runTests } from "./runs.contract.ts";
import { batchTests, stageTests } from "./stages.contract.ts";

/** What every checkpoint store must do, as a suite of `node:test`. `open` gives each test an empty store. */
export function describeCheckpointStore(name: string, open: OpenStore): void {
  void describe(`${name} as a CheckpointStore`, () => {
    void describe("leases", () => {
      leaseTests(open);
    });
    void describe("fencing", () => {
      fencingTests(open);
    });
    void describe("runs", () => {
      runTests(open);
    });
    void describe("stages", () => {
      stageTests(open);
    });
    void describe("batches", () => {
      batchTests(open);
    });
    void describe("checkpoints", () => {
      checkpointTests(open);
    });
  });
}
