import assert from "node:assert/strict";
import { test } from "node:test";
import { plainPaint } from "../output/paint.ts";
import { frame } from "./frame.ts";
import type { RunView, StageView } from "./view.ts";

const base = { title: "copy nothing", done: 0, total: 0, elapsedMs: 2000 };
const stages: StageView[] = [
  { ...base, name: "preflight", state: "done" },
  { ...base, name: "copy", state: "done", done: 2000, total: 2000, perSecond: 1000 },
  { ...base, name: "verify", state: "running", done: 500, total: 2000, perSecond: 250.4, leftMs: 6000 },
  { ...base, name: "lock", state: "running" },
  { ...base, name: "unlock", state: "waiting", message: "Approval:\n sure?" },
  { ...base, name: "report", state: "failed", message: "it is broken (FAKE_BROKEN)" },
];
const view: RunView = {
  runId: "r1",
  cluster: "prod",
  state: "Running",
  elapsedMs: 65_000,
  lockedMs: 3200,
  stages,
};

test("a frame has a line for the run with the lock timer, and one for each stage", () => {
  assert.deepEqual(frame(view, plainPaint), [
    "LOCKED for 3.2 s  r1  on prod  Running  1 min 5 s",
    "✔ preflight          2.0 s",
    "✔ copy               2,000 in 2.0 s, 1,000/s",
    "▸ verify             ██████░░░░░░░░░░░░░░░░░░  25%  500/2,000, 250/s, 6.0 s left",
    "▸ lock               copy nothing  2.0 s",
    "◷ unlock             Approval: sure?",
    "✖ report             it is broken (FAKE_BROKEN)",
  ]);
});

test("a frame fits into a terminal of few rows by showing the last stages", () => {
  const lines = frame(view, plainPaint, 4);
  assert.deepEqual(
    lines.map((line) => line.slice(0, 8)),
    ["LOCKED f", "◷ unlock", "✖ report"],
  );
});

test("the lock timer is seen on a terminal of 80 columns, however long the names are", () => {
  const cluster = "arn:aws:eks:eu-central-1:111122223333:cluster/production-of-the-shop";
  const [header = ""] = frame({ ...view, runId: "etcd-to-kubernetes-1a2b3c4d", cluster }, plainPaint);
  assert.match(header.slice(0, 80), /LOCKED for 3\.2 s/);
});
