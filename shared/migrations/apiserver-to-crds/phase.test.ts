import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apiserverToCrds } from "./index.ts";
import { phaseOf } from "./phase.ts";

const running = { state: "Running", track: "forward" } as const;
const conflict = { reason: "Conflict", message: "2 resources" } as const;

describe("the phase of a run", () => {
  it("goes from Pending through Migrating and Converged to Complete, never back", () => {
    const phases = apiserverToCrds.stages.map(({ name }) => phaseOf({ ...running, stage: name }));
    const changes = phases.filter((phase, at) => phase !== phases[at - 1]);
    assert.deepEqual(changes, ["Pending", "Migrating", "Converged", "Complete"]);
  });

  it("is Migrating from the first copy until nothing but components has to change", () => {
    const names = apiserverToCrds.stages.map(({ name }) => name);
    const migrating = names.filter((stage) => phaseOf({ ...running, stage }) === "Migrating");
    assert.deepEqual(migrating, names.slice(names.indexOf("pre-copy"), names.indexOf("switch-operator")));
    assert.ok(migrating.includes("unlock"));
  });

  it("is Pending before the first stage", () => {
    assert.equal(phaseOf({ state: "Pending", track: "forward" }), "Pending");
  });

  it("waits for a person while there are conflicts, and only then", () => {
    const waiting = { state: "Waiting", track: "forward", stage: "pre-copy" } as const;
    assert.equal(phaseOf({ ...waiting, waiting: conflict }), "WaitingForConflictResolution");
    assert.equal(phaseOf({ ...waiting, waiting: { reason: "Backoff", message: "" } }), "Migrating");
  });

  it("tells a run that is taken back, and one that was", () => {
    const turned = { state: "Waiting", track: "rollback", stage: "undo-lock", waiting: conflict } as const;
    assert.equal(phaseOf(turned), "Aborting");
    assert.equal(phaseOf({ state: "Aborted", track: "rollback" }), "Aborted");
    assert.equal(phaseOf({ state: "RolledBack", track: "rollback" }), "Aborted");
  });

  it("is Failed in either direction until somebody acts", () => {
    for (const track of ["forward", "rollback"] as const)
      assert.equal(phaseOf({ state: "Failed", track, stage: "switch-operator" }), "Failed");
  });

  it("is Complete at the end", () => {
    assert.equal(phaseOf({ state: "Succeeded", track: "forward" }), "Complete");
  });
});
