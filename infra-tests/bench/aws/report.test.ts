import assert from "node:assert/strict";
import { test } from "node:test";
import type { ModeRun } from "./modes.ts";
import { awsReport, type Round } from "./report.ts";
import { usageOf } from "./usage.ts";

function run(requestMs: number): ModeRun {
  const kubernetes = { requests: 100, requestMs, cpuMs: 50 };
  return { load: { load1: 0, busy: 0 }, runMs: 10_000, copyMs: 2_000, copied: 1_000, kubernetes };
}

function used(writeUnits: number): Round["used"] {
  const invocations = [{ durationMs: 99, billedMs: 100, memoryMb: 1024 }];
  return usageOf({}, [{ invocations, bytes: 0 }], { requests: 10, writeUnits, readUnits: 0, ms: 5 });
}

/** Each round so slow and so dear. */
function reportOf(rounds: readonly { embedded: number; service: number; writeUnits: number }[]) {
  return awsReport({
    resources: 1_000,
    rounds: rounds.map(({ embedded, service, writeUnits }) => ({
      embedded: run(embedded),
      service: run(service),
      used: used(writeUnits),
    })),
    small: { copied: 500, used: used(rounds[0] === undefined ? 0 : rounds[0].writeUnits / 2) },
    hops: { onTheWayMs: [3, 1, 2], used: used(4) },
  });
}

test("the goals are judged by the cost of 10,000 resources and by the median ratio of the rounds", () => {
  const { goals } = reportOf([
    { embedded: 100, service: 110, writeUnits: 7_000 },
    { embedded: 200, service: 230, writeUnits: 7_000 },
    { embedded: 100, service: 900, writeUnits: 7_000 },
  ]);
  const [cost, ratio] = goals;
  assert.ok(cost?.met === true && cost.value > 0.04375 && cost.value < 0.04376);
  assert.ok(ratio?.met === true && ratio.value === 1.15);
});

test("what is too dear or too slow is missed, and a single round is told to be one", () => {
  const { goals, notes } = reportOf([{ embedded: 100, service: 130, writeUnits: 9_000 }]);
  assert.deepEqual(
    goals.map(({ met }) => met),
    [false, false],
  );
  assert.ok(notes.some((note) => note.includes("chance")));
});

test("quantities are told per 1,000 and for 10,000 resources, and their costs add up", () => {
  const [costs] = reportOf([{ embedded: 1, service: 1, writeUnits: 8_000 }]).tables;
  const row = (name: string) => costs?.rows.find(([first]) => first === name);
  assert.deepEqual(row("DynamoDB write units"), [
    "DynamoDB write units",
    "0.0000",
    "8,000",
    "80,000",
    "0.05000",
  ]);
  const sum = (costs?.rows ?? []).slice(0, -2).reduce((all, cells) => all + Number(cells[4]), 0);
  assert.ok(Math.abs(sum - Number(row("all")?.[4])) < 0.0001);
});
