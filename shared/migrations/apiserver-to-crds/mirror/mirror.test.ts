import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Waiting } from "../../../engine/records.ts";
import { objectAt, objectsAt, textAt } from "../../../kubernetes/fields.ts";
import { statusMirror } from "./mirror.ts";
import { mirrorName } from "./name.ts";
import { at, checkpoint, MIRROR, showOn, stageRecord, type ShownRun } from "./testing/shown-run.ts";

const CONFLICT: Waiting = { reason: "Conflict", message: "resources differ" };

function writes({ fake }: ShownRun): string[] {
  return fake.requests
    .filter(({ method }) => method !== "GET")
    .map(({ method, path }) => `${method} ${path.slice(path.indexOf("datastoremigrations"))}`);
}

suite("showing a run as a DatastoreMigration", () => {
  test("is done only where it is asked for", async (t) => {
    const shown = await showOn(t);
    await statusMirror()(shown.context({ stage: "pre-copy" }, { mirrorStatus: false }));
    assert.deepEqual(shown.fake.requests, []);
  });

  test("creates an object that nobody acts on, and that keeps nobody from deleting it", async (t) => {
    const shown = await showOn(t);
    await statusMirror()(shown.context({ stage: "pause-gitops" }));
    const object = shown.object() ?? {};
    assert.equal(textAt(object, "metadata", "name"), MIRROR);
    assert.equal(textAt(object, "metadata", "annotations", "calico-migrator.io/run"), "run-1");
    assert.equal(objectAt(object, "metadata")["finalizers"], undefined);
    assert.deepEqual(object["spec"], { type: "APIServerToCRDs" });
    assert.equal(textAt(object, "status", "phase"), "Pending");
  });

  test("takes v1 where both versions are served, and what there is otherwise", async (t) => {
    for (const [versions, wanted] of [
      [["v1beta1", "v1"], "v1"],
      [["v1beta1"], "v1beta1"],
    ] as const) {
      const shown = await showOn(t, versions);
      await statusMirror()(shown.context({ stage: "pre-copy" }));
      assert.equal(textAt(shown.object() ?? {}, "apiVersion"), `migration.projectcalico.org/${wanted}`);
    }
  });

  test("tells times as Kubernetes writes them", async (t) => {
    const shown = await showOn(t);
    shown.stages.set("pre-copy", stageRecord("pre-copy", { state: "done", startedAt: at(1) }));
    shown.stages.set("lock", stageRecord("lock", { state: "done", notes: { lockedAt: at(2) } }));
    shown.stages.set("unlock", stageRecord("unlock", { state: "done" }));
    shown.stages.set("verify-all", stageRecord("verify-all", { state: "done", finishedAt: at(3) }));
    await statusMirror()(shown.context({ stage: "cleanup" }));
    const status = shown.status() ?? {};
    assert.equal(status["phase"], "Complete");
    assert.equal(status["startedAt"], "2026-11-21T10:00:01Z");
    assert.equal(status["datastoreLockedAt"], "2026-11-21T10:00:02Z");
    assert.equal(status["completedAt"], "2026-11-21T10:00:03Z");
  });

  test("follows the copying kind by kind", async (t) => {
    const shown = await showOn(t);
    const cursor = { at: { kind: 3 }, barrier: false };
    const show = statusMirror();
    shown.stages.set("pre-copy", stageRecord("pre-copy", { cursor, openBatches: 1 }));
    await show(shown.context({ stage: "pre-copy" }));
    const before = objectAt(shown.status() ?? {}, "progress");
    assert.equal(before["completedTypes"], 2);
    assert.equal(before["typeProgress"], "2 / 21");
    assert.notEqual(before["currentType"], "");

    shown.stages.set("pre-copy", stageRecord("pre-copy", { state: "done", cursor }));
    await show(shown.context({ stage: "verify-copy" }));
    const after = objectAt(shown.status() ?? {}, "progress");
    assert.equal(after["typeProgress"], "21 / 21");
    assert.equal(after["currentType"], "");
  });

  test("counts what was copied, was there already or left out, and is in conflict", async (t) => {
    const shown = await showOn(t);
    shown.stages.set("pre-copy", stageRecord("pre-copy"));
    shown.rows.push(
      checkpoint("GlobalNetworkSet", "a"),
      checkpoint("GlobalNetworkSet", "b", { state: "verified", detail: { created: false } }),
      checkpoint("GlobalNetworkSet", "c", { state: "reverted", detail: { resolved: "skip" } }),
      checkpoint("GlobalNetworkSet", "d", { state: "reverted" }),
      checkpoint("Tier", "x", { state: "conflict" }),
    );
    await statusMirror()(shown.context({ stage: "pre-copy" }));
    const { migrated, skipped, conflicts, total, ...rest } = objectAt(shown.status() ?? {}, "progress");
    assert.deepEqual(
      { migrated, skipped, conflicts, total },
      { migrated: 1, skipped: 2, conflicts: 1, total: 4 },
    );
    const details = objectsAt(rest, "typeDetails");
    assert.equal(details.length, 21);
    assert.deepEqual(
      details.find(({ kind }) => kind === "GlobalNetworkSet"),
      { kind: "GlobalNetworkSet", migrated: 1, skipped: 2, conflicts: 0 },
    );
  });

  test("reads no checkpoints for it while the datastore is locked, and leaves what it told", async (t) => {
    const shown = await showOn(t);
    const show = statusMirror();
    shown.stages.set("pre-copy", stageRecord("pre-copy", { state: "done" }));
    shown.rows.push(checkpoint("Tier", "x"));
    await show(shown.context({ stage: "follow" }));
    shown.stages.set("lock", stageRecord("lock", { state: "done", notes: { lockedAt: at(2) } }));
    shown.rows.push(checkpoint("Tier", "y"));
    const inside = shown.context({ stage: "catch-up" });
    const ledger = inside.ledger("resources");
    const list = (): never => assert.fail("the checkpoints were read");
    await show({ ...inside, ledger: () => ({ ...ledger, list }) });
    assert.equal(objectAt(shown.status() ?? {}, "progress")["migrated"], 1);
    shown.stages.set("unlock", stageRecord("unlock", { state: "done" }));
    await show(shown.context({ stage: "rollout" }));
    assert.equal(objectAt(shown.status() ?? {}, "progress")["migrated"], 2);
  });

  test("names conflicts as conditions, as many as upstream does, and takes them away again", async (t) => {
    const shown = await showOn(t);
    const show = statusMirror();
    for (let n = 0; n < 40; n++) {
      const conflict = {
        key: `Tier/t${n}`,
        kind: "Tier",
        seen: "",
        since: at(n),
        differences: [],
        more: false,
      };
      const detail = { reason: "the target holds another spec", conflict };
      shown.rows.push(checkpoint("Tier", `t${String(n).padStart(2, "0")}`, { state: "conflict", detail }));
    }
    await show(shown.context({ stage: "pre-copy", state: "Waiting", waiting: CONFLICT }));
    const status = shown.status() ?? {};
    const conditions = objectsAt(status, "conditions");
    assert.equal(status["phase"], "WaitingForConflictResolution");
    assert.equal(conditions.length, 33);
    assert.deepEqual(conditions[1], {
      type: "Conflict",
      status: "True",
      reason: "ResourceMismatch",
      message: "Tier/t1: the target holds another spec",
      lastTransitionTime: "2026-11-21T10:00:01Z",
    });
    assert.equal(conditions.at(-1)?.["reason"], "ConflictsOmitted");
    assert.match(textAt(conditions.at(-1) ?? {}, "message"), /^8 more/);

    await show(shown.context({ stage: "pre-copy" }));
    assert.deepEqual(shown.status()?.["conditions"], []);
  });

  test("a failure is a condition and the message, in no more characters than the CRD takes", async (t) => {
    const shown = await showOn(t);
    const failure = { code: "COPY_FAILED", message: "💥".repeat(2000), next: "Mend it." };
    await statusMirror()(shown.context({ stage: "catch-up", state: "Failed", failure }));
    const status = shown.status() ?? {};
    assert.equal(status["phase"], "Migrating");
    assert.equal(Array.from(textAt(status, "message")).length, 1024);
    assert.ok(textAt(status, "message").isWellFormed());
    const [condition] = objectsAt(status, "conditions");
    assert.equal(condition?.["type"], "Failed");
    assert.equal(condition["reason"], "MigrationError");
  });

  test("what was shown already costs no request, also in another process", async (t) => {
    const shown = await showOn(t);
    const show = statusMirror();
    const run = {
      stage: "rollout",
      state: "Waiting",
      waiting: { reason: "Gate", message: "1 of 3" },
    } as const;
    await show(shown.context(run));
    const before = shown.fake.requests.length;
    await show(shown.context({ ...run, version: 2, updatedAt: at(9) }));
    assert.equal(shown.fake.requests.length, before);
    shown.fake.requests.length = 0;
    await statusMirror()(shown.context(run));
    assert.deepEqual(writes(shown), [`PATCH datastoremigrations/${MIRROR}/status`]);
  });

  test("is taken away as soon as the run is taken back, once", async (t) => {
    const shown = await showOn(t);
    const show = statusMirror();
    await show(shown.context({ stage: "rollout" }));
    shown.fake.requests.length = 0;
    // The fake keeps no managers: what this run has written is known by them.
    const object = shown.object() ?? {};
    const metadata = {
      ...objectAt(object, "metadata"),
      managedFields: [{ manager: "calico-migrator:run-1" }],
    };
    const ref = { apiVersion: textAt(object, "apiVersion"), plural: "datastoremigrations", namespace: "" };
    shown.fake.store.replace({ ...ref, name: MIRROR }, { ...object, metadata });
    await show(shown.context({ track: "rollback", state: "RollingBack", stage: "switch-operator-back" }));
    assert.equal(shown.object(), undefined);
    const before = shown.fake.requests.length;
    await show(shown.context({ track: "rollback", state: "RollingBack", stage: "restore-apiservice" }));
    assert.equal(shown.fake.requests.length, before);
  });

  test("an object of the same name that is somebody else's is not deleted", async (t) => {
    const shown = await showOn(t);
    const ref = { apiVersion: "migration.projectcalico.org/v1", plural: "datastoremigrations" };
    const object = { metadata: { name: MIRROR } };
    shown.fake.store.create({ ...ref, namespace: "", name: undefined }, object);
    await statusMirror()(shown.context({ track: "rollback", state: "RollingBack" }));
    assert.notEqual(shown.object(), undefined);
  });

  test("a CRD that is gone is a failure of showing until it is applied again, and nothing on the way back", async (t) => {
    const shown = await showOn(t, []);
    const show = statusMirror();
    await assert.rejects(show(shown.context({ stage: "pre-copy" })), {
      code: "MIRROR_NOT_SERVED",
      next: /^Apply the CRD of DatastoreMigration again/,
    });
    const again = await showOn(t);
    await show(again.context({ stage: "pre-copy" }));
    assert.notEqual(again.object(), undefined);
    await statusMirror()(shown.context({ track: "rollback", state: "RollingBack" }));
    assert.deepEqual(writes(shown), []);
  });
});

suite("the name of the object that shows a run", () => {
  test("is never the one that upstream's controller acts on", () => {
    assert.notEqual(mirrorName("v1-to-v3"), "v1-to-v3");
  });

  test("is one that the API server takes, whatever the run is called", () => {
    for (const id of ["A b/c", "x".repeat(400), "end-", "é", "a..b"]) {
      assert.match(mirrorName(id), /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/);
      assert.ok(mirrorName(id).length <= 253);
    }
  });
});
