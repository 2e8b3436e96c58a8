import assert from "node:assert/strict";
import { test } from "node:test";
import { startedStage } from "./run-migrator.ts";

test("the begin of a stage is told from other lines", () => {
  const event = (type: string) => JSON.stringify({ line: "event", type, data: { stage: "pre-copy" } });
  assert.equal(startedStage(event("stage.started")), "pre-copy");
  assert.equal(startedStage(event("stage.completed")), undefined);
  assert.equal(startedStage('{"line":"progress","stage":"pre-copy"}'), undefined);
  assert.equal(startedStage('  "stage.started"'), undefined);
});
