import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { z } from "zod";
import { convertUid } from "../../../calico/uid.ts";
import type { JsonObject } from "../../../json.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { OWNER } from "../testing/cluster.ts";
import { assertState, startWhole, wholeWorld } from "../testing/whole.ts";

const OLD = "crd.projectcalico.org/v1";
const CONFIG_MAPS = { apiVersion: "v1", plural: "configmaps", namespace: "shop" };

const Report = z.looseObject({
  migration: z.string(),
  installer: z.string(),
  precopied: z.boolean(),
  moved: z.object({ total: z.int(), byKind: z.record(z.string(), z.int()) }),
  lock: z.object({ windowMs: z.int() }),
  verification: z.record(z.string(), z.string()),
  changes: z.object({
    count: z.int(),
    first: z.array(z.object({ target: z.string(), changes: z.array(z.string()) })),
  }),
  uncarried: z.array(z.unknown()),
  owners: z.object({ native: z.array(z.unknown()), others: z.array(z.looseObject({ name: z.string() })) }),
  gitops: z.object({ paused: z.array(z.string()), resumed: z.array(z.string()) }),
  next: z.array(z.string()),
});

describe("the report", () => {
  test("says what moved, what was changed, what stayed undone, and how long it was locked", async () => {
    using world = await wholeWorld();
    const uid = textAt(await world.cluster.get({ ...OWNER, apiVersion: OLD }), "metadata", "uid");
    const calico = { apiVersion: "projectcalico.org/v3", kind: "GlobalNetworkSet" };
    const present = { ...calico, name: OWNER.name, uid: convertUid(uid) ?? "" };
    const gone = { ...calico, name: "gone", uid: uid.replace(/^../, "77") };
    const metadata = { name: "half", namespace: "shop", ownerReferences: [present, gone] };
    await world.cluster.storage.create(CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata });
    const worker = world.worker();
    const runId = await startWhole(worker);
    assertState(await world.drive(worker, runId), "Succeeded");

    const { stages } = await world.describe(worker, runId);
    const { notes = {} }: { notes?: JsonObject } = stages.find(({ stage }) => stage === "report") ?? {};
    const written = Readable.from(worker.embedded.artifacts.read(`runs/${runId}/report.json`));
    const report = Report.parse(JSON.parse(await text(written)));

    assert.equal(report.installer, "manifests");
    assert.equal(report.precopied, true);
    assert.equal(
      Object.values(report.moved.byKind).reduce((sum, one) => sum + one, 0),
      report.moved.total,
    );
    assert.deepEqual(report.verification, {
      "verify-copy": "done",
      "verify-changes": "done",
      "verify-all": "done",
    });
    assert.equal(report.changes.count, report.changes.first.length);
    assert.ok(
      report.changes.first.some(({ target }) => target === "projectcalico.org/v3/globalnetworkpolicies/dns"),
    );
    assert.deepEqual(
      report.owners.others.map(({ name }) => name),
      ["half"],
    );
    assert.equal(report.gitops.paused.length, 1);
    assert.equal(report.gitops.resumed.length, 1);
    assert.match(report.next.join(), /crd\.projectcalico\.org/);
    assert.deepEqual(notes["byKind"], report.moved.byKind);
    assert.deepEqual([notes["windowMs"], notes["ownersOff"]], [report.lock.windowMs, 1]);
  });
});
