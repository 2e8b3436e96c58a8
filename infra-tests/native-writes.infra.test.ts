import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { NATIVE_KINDS } from "../shared/calico/native/native-kinds.ts";
import type { JsonObject } from "../shared/json.ts";
import { objectAt, objectsAt } from "../shared/kubernetes/fields.ts";
import { mustRequest } from "./harness/api.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { clusterState, differences } from "./rig/native/state.ts";
import { startWriter, type BusyWriter } from "./rig/native/writer.ts";
import { openEngine, startNativeRun, type TestEngine } from "./rig/runs.ts";

const USERS = /\/user-\d+/;
const OF_BOTH_GROUPS = /\/(crd\.)?projectcalico\.org\//;

describe("a migration to native CRDs while somebody works with Calico all the time", () => {
  let bed: NativeBed;
  let rig: TestEngine;
  const folder = temporaryFolder("native-writes");

  before(async () => {
    bed = await startNativeBed({ resources: 120, nodes: 1 });
    rig = openEngine(join(folder, "store.db"), { kubeconfig: bed.kubernetes.kubeconfig });
  });
  after(async () => {
    rig.close();
    await bed.stop();
    removeFolder(folder);
  });

  const start = (request: { approvals: readonly string[]; stopBefore?: string }) =>
    startNativeRun(rig, { crds: bed.manifestFile, quietMs: 2500, batchSize: 20 }, request);

  async function end(runId: string, state: string): Promise<void> {
    const run = await rig.drive(runId);
    assert.equal(run.state, state, JSON.stringify([run.stage, run.failure, run.waiting]));
  }

  /** Everything that the writer has done and nothing else, in whatever serves projectcalico.org/v3 now. */
  async function assertWritten(writer: BusyWriter, isServed: (path: string) => boolean): Promise<void> {
    for (const { path, spec } of writer.expected().filter(({ path }) => isServed(path))) {
      const { status, body } = await bed.api.request("GET", path);
      assert.equal(status, spec === undefined ? 404 : 200, path);
      if (spec !== undefined) assert.deepEqual(fieldsOf(objectAt(body, "spec"), spec), spec, path);
    }
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
      const runId = await start({ approvals: ["unlock"], stopBefore: "switch" });
      await end(runId, "Waiting");
      await rig.engine.undo(runId, "abort");
      await end(runId, "Aborted");
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
    try {
      await end(await start({ approvals: ["unlock", "cleanup"] }), "Succeeded");
    } finally {
      await writer.stop();
    }
    const { old, aggregated, inFlight, native } = writer.accepted;
    assert.ok(Math.min(old, aggregated, inFlight, native) > 0, JSON.stringify(writer.accepted));
    assert.deepEqual(writer.refused, []);
    await assertWritten(writer, () => true);
    for (const { kind, plural } of NATIVE_KINDS) {
      const items = objectsAt(
        await mustRequest(bed.api, "GET", `/apis/projectcalico.org/v3/${plural}`),
        "items",
      );
      const written = writer
        .expected()
        .filter(({ path, spec }) => spec !== undefined && path.includes(`/${plural}/`));
      assert.equal(items.length, (bed.expected.get(kind) ?? 0) + written.length, kind);
    }
  });
});

/** Of an object's spec only what `wanted` has. */
function fieldsOf(spec: JsonObject, wanted: JsonObject): JsonObject {
  return Object.fromEntries(Object.keys(wanted).map((key) => [key, spec[key] ?? null]));
}
