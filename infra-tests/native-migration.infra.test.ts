import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { JsonObject } from "../shared/json.ts";
import { objectsAt, textAt } from "../shared/kubernetes/fields.ts";
import { keptObjects } from "../shared/migrations/kept-objects.ts";
import { mustRequest } from "./harness/api.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { managersByOwner } from "./rig/native/dependants.ts";
import { MigratingBed } from "./rig/native/migrating.ts";
import { dumpGroups } from "./rig/native/dump.ts";
import type { TestEngine } from "./rig/runs.ts";

const POOLS = "/apis/projectcalico.org/v3/ippools";
const SETS = "/apis/projectcalico.org/v3/globalnetworksets";
const SETTINGS = "/apis/crd.projectcalico.org/v1/felixconfigurations";

const EDIT = JSON.stringify({ metadata: { labels: { edited: "natively" } } });

const SECOND = "projectcalico.org/v3precopy";

/** Of an install that was upgraded without its CRDs. */
const ABSENT = "stagedkubernetesnetworkpolicies";

describe("a migration to native CRDs of an old group that lacks a kind", () => {
  let migrating: MigratingBed;
  let migrated: string;
  let setBy: Record<string, JsonObject[]>;

  before(async () => {
    migrating = await MigratingBed.start({ resources: 300, nodes: 2 });
    setBy = await managersByOwner(migrating.bed.api);
    await migrating.bed.kubernetes.kubectl(["delete", "crd", `${ABSENT}.crd.projectcalico.org`]);
  });
  after(() => migrating.stop());

  test("aborted right before the unlock leaves no trace, and keeps for kubectl what others wrote natively", async (t) => {
    const { bed, rig } = migrating;
    const before = await dumpGroups(bed.api);
    const runId = await migrating.startRun({ options: {}, stopBefore: "unlock" });
    await migrating.reaches(runId, "unlock");
    const names = (await setsLabelled(bed)).all.slice(0, 2);
    const edit = ["patch", "globalnetworksets.projectcalico.org", "--type=merge", "--patch", EDIT];
    for (const name of names) await bed.kubernetes.kubectl([...edit, name]);
    assert.deepEqual((await setsLabelled(bed)).edited, names);

    await migrating.undo(runId, "abort");

    const now = await dumpGroups(bed.api);
    assert.deepEqual(before.old.changesUntil(now.old), []);
    assert.deepEqual(before.native.changesUntil(now.native), []);
    const rows = await rig.embedded.store.listCheckpoints(runId, "native-writes", { limit: 10 });
    const kept = await keptObjects(rig.embedded.artifacts, rows);
    const folder = temporaryFolder("kept");
    t.after(() => {
      removeFolder(folder);
    });
    const file = join(folder, "kept.json");
    writeFileSync(file, [...kept.values()].map((object) => JSON.stringify(object, null, 2)).join("\n"));
    await bed.kubernetes.kubectl(["apply", "-f", file]);
    assert.deepEqual((await setsLabelled(bed)).edited, names);
  });

  test("stopped by what only the native group has goes on once that is deleted as it says", async () => {
    const { bed } = migrating;
    const runId = await migrating.startRun({ options: {}, stopBefore: "verify-copy" });
    await migrating.reaches(runId, "verify-copy");
    await mustRequest(bed.api, "POST", `/apis/${SECOND}/globalnetworksets`, {
      ...{ apiVersion: SECOND, kind: "GlobalNetworkSet" },
      ...{ metadata: { name: "only-native" }, spec: { nets: ["10.9.0.0/16"] } },
    });
    await migrating.goOn(runId, "follow");
    const { failure } = await migrating.rig.drive(runId);
    assert.equal(failure?.code, "VERIFY_FAILED");
    const [, command = ""] = /`kubectl (delete [^`]+)`/.exec(failure.next) ?? [];
    await bed.kubernetes.kubectl(command.split(" "));
    await migrating.rig.engine.resume(runId);
    await migrating.reaches(runId, "follow");
    await migrating.undo(runId, "abort");
  });

  test("moves every object and cleans up, and who has set owner references still has", async () => {
    migrated = await migrating.startRun({ options: {} });
    await migrating.reaches(migrated, "Succeeded");
    assert.deepEqual(await managersByOwner(migrating.bed.api), setBy);
    const absent = migrating.bed.expected.get("StagedKubernetesNetworkPolicy") ?? 0;
    assert.ok(absent > 0);
    await migrating.assertMoved((plural) => (plural === ABSENT ? -absent : 0));
    assert.equal((await migrating.bed.api.request("GET", "/apis/crd.projectcalico.org/v1")).status, 404);
  });

  test("restored after that, it hides nothing unasked of what was done natively since, and all else is known", async () => {
    const { bed, rig } = migrating;
    const [pool] = objectsAt(await mustRequest(bed.api, "GET", POOLS), "items");
    const name = textAt(pool ?? {}, "metadata", "name");
    const options = { contentType: "application/merge-patch+json" };
    await mustRequest(
      bed.api,
      "PATCH",
      `${POOLS}/${name}`,
      { spec: { nodeSelector: "has(since)" } },
      options,
    );
    await mustRequest(bed.api, "POST", SETS, {
      apiVersion: "projectcalico.org/v3",
      kind: "GlobalNetworkSet",
      metadata: { name: "since" },
      spec: { nets: ["192.0.2.0/24"] },
    });

    const shown = await approvals(rig, await startRestore(rig, migrated));

    const [message = ""] = shown.get("hidden-natives") ?? [];
    assert.match(message, /^2 are not, and are forgotten: /);
    assert.match(message, new RegExp(`ippools/${name} \\(changed\\)`));
    assert.match(message, /globalnetworksets\/since \(created\)/);
  });
});

/** The names of all global network sets, and of those that somebody has labelled. */
async function setsLabelled({ api }: NativeBed): Promise<{ all: string[]; edited: string[] }> {
  const sets = objectsAt(await mustRequest(api, "GET", SETS), "items");
  const names = (some: JsonObject[]): string[] => some.map((one) => textAt(one, "metadata", "name"));
  return {
    all: names(sets),
    edited: names(sets.filter((one) => textAt(one, "metadata", "labels", "edited") !== "")),
  };
}

async function startRestore({ engine }: TestEngine, from: string): Promise<string> {
  const request = { migration: "restore", cluster: "restored", options: { from, side: "kubernetes" } };
  return (await engine.start({ ...request, approvals: [] })).runId;
}

/** Approves whatever a run asks for until its end, and gives all that it has shown. */
async function approvals(rig: TestEngine, runId: string): Promise<Map<string, string[]>> {
  const shown = new Map<string, string[]>();
  for (;;) {
    const { state, waiting, failure } = await rig.drive(runId);
    if (waiting?.subject === undefined) {
      assert.equal(state, "Succeeded", JSON.stringify(failure));
      return shown;
    }
    shown.set(waiting.subject, [...(shown.get(waiting.subject) ?? []), waiting.message]);
    await rig.engine.approve(runId, "test", waiting.subject);
  }
}

describe("a migration to native CRDs that may send few requests at a time", () => {
  let bed: NativeBed;

  before(async () => {
    bed = await startNativeBed({ resources: 120, nodes: 1, etcdArgs: ["--max-request-bytes=4194304"] });
  });
  after(() => bed.stop());

  test("an object of 2 MB moves as long as etcd takes it; else it is named at once, and moves once it is smaller", async (t) => {
    const migrating = MigratingBed.on(bed);
    t.after(() => migrating.stop());
    const moves = async (runId: string): Promise<void> => {
      await migrating.reaches(runId, "verify-copy");
      await migrating.undo(runId, "abort");
    };
    await mustRequest(bed.api, "POST", SETTINGS, {
      apiVersion: "crd.projectcalico.org/v1",
      kind: "FelixConfiguration",
      metadata: { name: "node.vast" },
      spec: { logPrefix: "x".repeat(2_000_000) },
    });
    await moves(await migrating.startRun({ stopBefore: "verify-copy" }));

    await bed.kubernetes.etcd?.restart([]);
    const runId = await migrating.startRun({ stopBefore: "verify-copy" });
    const { failure, attempt } = await migrating.rig.drive(runId);
    assert.deepEqual([failure?.code, attempt], ["COPY_FAILED", 0], JSON.stringify(failure));
    assert.match(failure?.message ?? "", /felixconfigurations\/node\.vast \(.*too large/);
    assert.match(failure?.next ?? "", /^Mend what each reason says, then `resume`/);

    const smaller = { spec: { logPrefix: "calico" } };
    await mustRequest(bed.api, "PATCH", `${SETTINGS}/node.vast`, smaller, {
      contentType: "application/merge-patch+json",
    });
    await migrating.rig.engine.resume(runId);
    await moves(runId);
    await mustRequest(bed.api, "DELETE", `${SETTINGS}/node.vast`);
  });

  test("two: it looks at all kinds at once all the same, and comes to the unlock and back", async (t) => {
    const migrating = MigratingBed.on(bed, { concurrency: 2 });
    t.after(() => migrating.stop());
    const runId = await migrating.startRun({ stopBefore: "unlock" });
    await migrating.reaches(runId, "unlock");
    await migrating.undo(runId, "abort");
  });

  test("one: it moves every object", async (t) => {
    const migrating = MigratingBed.on(bed, { concurrency: 1 });
    t.after(() => migrating.stop());
    await migrating.reaches(await migrating.startRun(), "Succeeded");
    await migrating.assertMoved();
  });
});
