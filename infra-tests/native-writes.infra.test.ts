import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject } from "../shared/json.ts";
import { objectAt } from "../shared/kubernetes/fields.ts";
import { mustRequest } from "./harness/api.ts";
import { waitUntil } from "./harness/wait.ts";
import type { NativeBed } from "./rig/native/bed.ts";
import { MigratingBed } from "./rig/native/migrating.ts";
import { clusterState, differences } from "./rig/native/state.ts";
import { startWriter, type BusyWriter } from "./rig/native/writer.ts";

const USERS = /\/user-\d+/;
/** Long enough for what was on its way when the lock came. */
const QUIET = { quietMs: 2500, batchSize: 20 };
const OF_BOTH_GROUPS = /\/(crd\.)?projectcalico\.org\//;

describe("a migration to native CRDs while somebody works with Calico all the time", () => {
  let migrating: MigratingBed;
  let bed: NativeBed;

  before(async () => {
    migrating = await MigratingBed.start({ resources: 120, nodes: 1 });
    ({ bed } = migrating);
  });
  after(() => migrating.stop());

  /** Everything that the writer has done and nothing else, in whatever serves projectcalico.org/v3 now. */
  async function assertWritten(writer: BusyWriter, isServed: (path: string) => boolean): Promise<void> {
    for (const { path, spec } of writer.expected().filter(({ path }) => isServed(path))) {
      const { status, body } = await bed.api.request("GET", path);
      assert.equal(status, spec === undefined ? 404 : 200, path);
      if (spec !== undefined) assert.deepEqual(fieldsOf(objectAt(body, "spec"), spec), spec, path);
    }
  }

  /** What was on its way when the lock came arrives through the aggregated API server, which is gone soon after. */
  async function passesTheLock(writer: BusyWriter, runId: string, stopBefore?: string): Promise<void> {
    await migrating.reaches(runId, "remove-apiservice");
    await waitUntil({ what: "what was in flight has arrived", timeoutMs: 120_000 }, () =>
      Promise.resolve(writer.hasLanded() || undefined),
    );
    await migrating.goOn(runId, stopBefore);
  }

  async function removeWritten(writer: BusyWriter): Promise<void> {
    const there = writer.expected().filter(({ spec }) => spec !== undefined);
    for (const { path } of there) {
      const isHidden = path.includes("/ipamhandles/");
      const served = isHidden ? path.replace("projectcalico.org/v3", "crd.projectcalico.org/v1") : path;
      await mustRequest(bed.api, "DELETE", served);
    }
  }

  test("an abort keeps what was written meanwhile, and leaves nothing else", async () => {
    const untouched = await clusterState(bed.api);
    const writer = startWriter(bed.api);
    try {
      const runId = await migrating.startRun({
        options: QUIET,
        approvals: ["unlock"],
        stopBefore: "remove-apiservice",
      });
      await passesTheLock(writer, runId, "switch");
      await migrating.reaches(runId, "switch");
      await migrating.undo(runId, "abort");
      await sleep(500);
    } finally {
      await writer.stop();
    }
    assert.deepEqual(writer.refused, []);
    assert.ok(writer.accepted.inFlight > 0, JSON.stringify(writer.accepted));
    await assertWritten(writer, (path) => !path.includes("/ipamhandles/"));
    const left = differences(untouched, await clusterState(bed.api));
    assert.deepEqual(
      left.filter((one) => !USERS.test(one)),
      [],
    );
    assert.ok(left.every((one) => OF_BOTH_GROUPS.test(one) || one.endsWith("was written")));
    assert.doesNotMatch(left.join("\n"), /v3precopy/);
    await removeWritten(writer);
  });

  test("every write that was accepted is in the native group at the end", async () => {
    const writer = startWriter(bed.api);
    const runId = await migrating.startRun({ options: QUIET, stopBefore: "remove-apiservice" });
    try {
      await passesTheLock(writer, runId);
      // What is written after the unlock is shown, and nobody can approve it while it goes on changing.
      await migrating.reaches(runId, "native-changes");
    } finally {
      await writer.stop();
    }
    await migrating.rig.engine.approve(runId, "test", "native-changes");
    // What was written between this comparison and the writer's end is shown before the cleanup, if there was any.
    const { waiting } = await migrating.rig.drive(runId);
    if (waiting?.subject === "native-changes")
      await migrating.rig.engine.approve(runId, "test", "native-changes");
    await migrating.reaches(runId, "Succeeded");
    const { old, aggregated, inFlight, native } = writer.accepted;
    assert.ok(Math.min(old, aggregated, inFlight, native) > 0, JSON.stringify(writer.accepted));
    assert.deepEqual(writer.refused, []);
    await assertWritten(writer, () => true);
    await migrating.assertMoved((plural) => {
      const there = writer.expected().filter(({ spec }) => spec !== undefined);
      return there.filter(({ path }) => path.includes(`/${plural}/`)).length;
    });
  });
});

/** Of an object's spec only what `wanted` has. */
function fieldsOf(spec: JsonObject, wanted: JsonObject): JsonObject {
  return Object.fromEntries(Object.keys(wanted).map((key) => [key, spec[key] ?? null]));
}
