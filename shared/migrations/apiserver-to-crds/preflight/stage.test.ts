import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { crdResource } from "../../../kubernetes/crds.ts";
import type { JsonObject } from "../../../json.ts";
import { preflight } from "./stage.ts";
import {
  bothGroups,
  type FakeCluster,
  startFakeCluster,
  storedCrd,
  storedWorkload,
} from "./testing/fake-cluster.ts";

const stage = preflight(() =>
  Promise.resolve({ crds: [], gitops: "refuse", skipForeignOwnerReferences: false }),
);

type Context = Parameters<typeof stage.act>[0];

/** What the stage has left behind. */
interface Kept {
  notes: JsonObject;
  artifacts: string[];
  announced: string[];
}

function contextOf(cluster: FakeCluster): { context: Context; kept: Kept } {
  const kept: Kept = { notes: {}, artifacts: [], announced: [] };
  const context = {
    run: { runId: "run-1", retriesSeen: 0 },
    notes: kept.notes,
    connections: cluster,
    signal: new AbortController().signal,
    artifacts: { write: (name: string) => Promise.resolve(kept.artifacts.push(name)) },
    record: (notes: JsonObject) => Promise.resolve(Object.assign(kept.notes, notes)),
    ledger: () => ({ list: () => Promise.resolve([]), put: () => Promise.resolve([]) }),
    announce: (type: string) => Promise.resolve(kept.announced.push(type)),
  };
  return { context: context as unknown as Context, kept };
}

function idsOf({ notes }: Kept): unknown[] {
  return (notes["checks"] as JsonObject[]).map(({ id }) => id);
}

async function calico(cluster: FakeCluster): Promise<void> {
  const node = { apiVersion: "apps/v1", plural: "daemonsets", namespace: "kube-system", name: "calico-node" };
  await cluster.put(crdResource, ...bothGroups().map((name) => storedCrd(name)));
  await cluster.put(node, storedWorkload(node, { image: "quay.io/calico/node:v3.33.0" }));
}

const information = { apiVersion: "crd.projectcalico.org/v1", plural: "clusterinformations" };
const serves = {
  "admissionregistration.k8s.io/v1": { MutatingAdmissionPolicy: "mutatingadmissionpolicies" },
};

suite("the stage preflight", () => {
  test("records what the later stages need, and says that it has passed", async (t) => {
    const cluster = await startFakeCluster(t, { serves });
    await calico(cluster);
    await cluster.put(information, { metadata: { name: "default" }, spec: { datastoreReady: true } });
    const { context, kept } = contextOf(cluster);

    assert.deepEqual(await stage.act(context), { done: true });

    assert.deepEqual(kept.notes["findings"], {
      installer: "manifests",
      namespace: "kube-system",
      calico: "v3.33.0",
    });
    assert.deepEqual(kept.artifacts, ["runs/run-1/preflight.ndjson"]);
    assert.deepEqual(kept.announced, ["preflight.passed"]);
  });

  test("refuses with everything that blocks, and keeps every report", async (t) => {
    const cluster = await startFakeCluster(t);
    await calico(cluster);
    const { context, kept } = contextOf(cluster);

    await assert.rejects(stage.act(context), {
      code: "PREFLIGHT_FAILED",
      message: /^compatibility: .*; cluster-information: /,
      details: { checks: ["compatibility", "cluster-information"] },
    });

    assert.ok(idsOf(kept).includes("gitops"));
    assert.deepEqual(kept.announced, []);
  });

  test("says that there is nothing to migrate, and nothing else; with the right cluster there is", async (t) => {
    const { context, kept } = contextOf(await startFakeCluster(t));

    await assert.rejects(stage.act(context), {
      code: "NOTHING_TO_MIGRATE",
      next: "There is nothing to migrate. If this is the wrong cluster, check the connection.",
    });

    assert.deepEqual(idsOf(kept), ["old-group"]);
    const right = await startFakeCluster(t, { serves });
    await calico(right);
    await right.put(information, { metadata: { name: "default" }, spec: { datastoreReady: true } });
    assert.deepEqual(await stage.act(contextOf(right).context), { done: true });
  });

  test("asks for missing rights before it looks at anything", async (t) => {
    const cluster = await startFakeCluster(t, { mayUser: ({ resource }) => resource !== "apiservices" });
    const { context, kept } = contextOf(cluster);
    cluster.fake.requests.length = 0;

    await assert.rejects(stage.act(context), { code: "PREFLIGHT_FAILED", message: /apiservices/ });

    assert.deepEqual(idsOf(kept), ["access"]);
    assert.ok(cluster.fake.requests.every(({ path }) => path.endsWith("/selfsubjectaccessreviews")));
  });
});
