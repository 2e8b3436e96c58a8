import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apiserverToCrds } from "../index.ts";
import { shownPhase } from "./phase.ts";

const running = { state: "Running", track: "forward" } as const;
const names = apiserverToCrds.stages.map(({ name }) => name);

describe("the phase that a run is shown in", () => {
  it("is none before the cluster is changed, and then goes forward only", () => {
    const phases = names.map((stage) => shownPhase({ ...running, stage }));
    const changes = phases.filter((phase, at) => at === 0 || phase !== phases[at - 1]);
    assert.deepEqual(changes, [undefined, "Pending", "Migrating", "Converged", "Complete"]);
    assert.equal(phases[names.indexOf("preflight")], undefined);
    assert.equal(shownPhase({ state: "Pending", track: "forward" }), undefined);
  });

  it("is Converged only once it is known what the operator was told before", () => {
    const converged = names.find((stage) => shownPhase({ ...running, stage }) === "Converged");
    assert.ok(names.indexOf(converged ?? "") > names.indexOf("unlock"));
    assert.ok(names.indexOf(converged ?? "") > names.indexOf("switch-operator"));
  });

  it("stays what it was for a run that failed, as the operator leaves the APIService alone in Migrating alone", () => {
    for (const stage of names) {
      const failed = shownPhase({ state: "Failed", track: "forward", stage });
      assert.equal(failed, shownPhase({ ...running, stage }));
    }
  });

  it("tells that a person is waited for", () => {
    const waiting = { reason: "Conflict", message: "" } as const;
    const run = { state: "Waiting", track: "forward", stage: "pre-copy", waiting } as const;
    assert.equal(shownPhase(run), "WaitingForConflictResolution");
  });

  it("is none on the way back, and Complete for ever after the end", () => {
    for (const stage of names) {
      assert.equal(shownPhase({ state: "RollingBack", track: "rollback", stage }), undefined);
      assert.equal(shownPhase({ state: "Failed", track: "rollback", stage }), undefined);
    }
    assert.equal(shownPhase({ state: "Aborted", track: "rollback" }), undefined);
    assert.equal(shownPhase({ state: "Succeeded", track: "forward" }), "Complete");
  });
});
