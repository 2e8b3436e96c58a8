import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { z } from "zod";
import { dumpEtcd, dumpKubernetes } from "./harness/dump.ts";
import { withEtcdClient } from "./harness/etcd-kv.ts";
import type { Snapshot } from "./harness/snapshot.ts";
import { type EdgeCase, EDGE_CASES, edgeEntries } from "./harness/seed/edges.ts";
import { resource, type SeedEntry } from "./harness/seed/entries.ts";
import { planSeed } from "./harness/seed/plan.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type Sides, startSides } from "./rig/clusters.ts";
import { openEngine, startRun, type TestEngine } from "./rig/runs.ts";

const STARTING = { resources: 150, nodes: 4 };

/** How a case is met before anything is changed: refused by a check, waiting for a consent, or taken as it is. */
type Meeting = { refused: RegExp } | { consent: string; code: string } | "taken";

const MEETINGS: Readonly<Record<EdgeCase, Meeting>> = {
  "user-profile": { consent: "uncarried", code: "PROFILE_NOT_DERIVED" },
  "other-orchestrator": { refused: /others-on-etcd: .*workloadendpoints/ },
  "invalid-json": { refused: /values-valid: .*globalnetworksets\/broken/ },
  "corrupt-block": { refused: /values-valid: .*10\.79\.255\.192-26/ },
  "not-calico": { refused: /values-valid: .*globalnetworksets\/stranger/ },
  "unknown-key": { consent: "uncarried", code: "KEY_UNKNOWN" },
  "policy-name-collision": { refused: /names-unique: .*networkpolicies\/default\/foo/ },
  "handle-case-collision": { refused: /names-unique: .*k8s-pod-network\.abcdef/i },
  "unmapped-node": { refused: /others-on-etcd: .*nodes\/bare-metal-1/ },
  "missing-node": { consent: "unmapped-nodes", code: "NODE_MISSING" },
  "node-clash": { refused: /names-unique: .*nodes\/reinstalled-1/ },
  "missing-namespace": { consent: "uncarried", code: "NAMESPACE_MISSING" },
  "missing-tier": "taken",
  "missing-filter": "taken",
  "invalid-name": { refused: /values-valid: .*Upper_Case/ },
  "invalid-spec": { refused: /schema-accepts: .*odd-action/ },
  "unknown-field": { refused: /schema-accepts: .*future/ },
  "sync-labels-disabled": "taken",
  "empty-affinity": "taken",
  "separator-annotation": "taken",
  "rich-metadata": "taken",
  "huge-policy": "taken",
};

/** More nets than Kubernetes' etcd takes in one object: about 2 MB. */
const NETS = Array.from({ length: 120_000 }, (_, n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}/32`);

/** The CRD bounds what a rule may have. */
const IN_A_RULE = 250;

/** A policy and a set that only an etcd with a raised limit holds. */
const vast = (nets: readonly string[]) => [
  resource({
    ...{ kind: "GlobalNetworkPolicy", plural: "globalnetworkpolicies", name: "default.vast" },
    spec: {
      ...{ tier: "default", order: 10, selector: "all()", types: ["Ingress"] },
      ingress: Array.from({ length: nets.length / IN_A_RULE }, (_, rule) => ({
        action: "Allow",
        source: { nets: nets.slice(rule * IN_A_RULE, (rule + 1) * IN_A_RULE) },
        destination: {},
      })),
    },
  }),
  resource({
    ...{ kind: "GlobalNetworkSet", plural: "globalnetworksets", name: "vast" },
    spec: { nets: [...nets] },
  }),
];

const Checks = z.array(
  z.object({ id: z.string(), status: z.string(), fix: z.string(), items: z.array(z.string()).default([]) }),
);

describe("data that makes migrations stumble", () => {
  let sides: Sides;
  let folder: string;
  let kubernetesBefore: Snapshot;

  before(async () => {
    // Calico's etcd takes more than that of Kubernetes, as some had to let it.
    sides = await startSides(STARTING, { etcdArgs: ["--max-request-bytes=4194304"] });
    folder = temporaryFolder("faults-of-data");
    kubernetesBefore = await dumpKubernetes(sides.kubernetes.api);
  });
  after(async () => {
    await sides.stop();
    removeFolder(folder);
  });

  for (const edge of EDGE_CASES) {
    test(`${edge} is met before anything is changed`, async () => {
      const entries = edgeEntries(edge, planSeed(STARTING));
      await withEntries(entries, async () => {
        const etcdBefore = await dumpEtcd(sides.etcd);

        await assertMet(edge, MEETINGS[edge], entries);

        assert.deepEqual(etcdBefore.changesUntil(await dumpEtcd(sides.etcd)), []);
        assert.deepEqual(kubernetesBefore.changesUntil(await dumpKubernetes(sides.kubernetes.api)), []);
      });
    });
  }

  test("a policy and a set of 2 MB are named at once, with what is to be done, and taken once they are smaller", async () => {
    const entries = vast(NETS);
    await withEntries(entries, async () => {
      await withRig("vast", async (rig) => {
        const runId = await startRun(rig, {}, [], "backup");
        const { failure, attempt } = await rig.drive(runId);
        assert.deepEqual([failure?.code, attempt], ["PREFLIGHT_FAILED", 0], failure?.message);
        const { stages } = await rig.engine.describe(runId);
        const checks = Checks.parse(stages[0]?.notes["checks"]);
        const { status, items, fix } = checks.find(({ id }) => id === "server-accepts") ?? assert.fail();
        assert.equal(status, "fail");
        const named = entries.map(
          ({ key }) => items.filter((item) => item.includes(`${key} (it has 2`)).length,
        );
        assert.deepEqual(named, [1, 1], items.join("\n"));
        assert.match(fix, /make it smaller\. Then `resume`/);

        await withEntries(vast(NETS.slice(0, IN_A_RULE)), async () => {
          await rig.engine.resume(runId);
          const run = await rig.drive(runId);
          assert.equal(run.waiting?.subject, "backup", run.failure?.message);
        });
      });
    });
  });

  /** Adds keys for the time of `body`, and puts back what they replace. */
  async function withEntries(entries: readonly SeedEntry[], body: () => Promise<void>): Promise<void> {
    await withEtcdClient(sides.etcd, async (client) => {
      const old = new Map<string, Buffer | null>();
      for (const { key, value } of entries) {
        old.set(key, await client.get(key).buffer());
        await client.put(key).value(value);
      }
      try {
        await body();
      } finally {
        for (const [key, value] of old)
          await (value === null ? client.delete().key(key) : client.put(key).value(value));
      }
    });
  }

  /** A run with nothing approved stops at preflight or, rolled back after it, has asked for what it needs. */
  async function assertMet(edge: EdgeCase, meeting: Meeting, entries: readonly SeedEntry[]): Promise<void> {
    await withRig(edge, async (rig) => {
      const runId = await startRun(rig, {}, [], "backup");
      const run = await rig.drive(runId);
      const { stages } = await rig.engine.describe(runId);
      const consents = stages[0]?.notes["consents"] ?? {};
      const rows = await rig.embedded.store.listCheckpoints(runId, "uncarried", { limit: 1_000 });
      if (meeting === "taken") {
        assert.deepEqual([run.failure, run.waiting?.subject, consents, rows], [undefined, "backup", {}, []]);
      } else if ("refused" in meeting) {
        assert.equal(run.failure?.code, "PREFLIGHT_FAILED");
        assert.match(run.failure.message, meeting.refused);
      } else {
        assert.equal(run.waiting?.subject, "backup", run.failure?.message);
        assert.deepEqual(Object.keys(consents), [meeting.consent]);
        const listed = rows.map(({ key, detail }) => [key, detail["code"]]);
        assert.deepEqual(listed, [[entries[0]?.key, meeting.code]]);
      }
    });
  }

  /** An engine with a store of its own, on both sides, for the time of `body`. */
  async function withRig(name: string, body: (rig: TestEngine) => Promise<void>): Promise<void> {
    const places = { etcdEndpoint: sides.etcd.endpoint, kubeconfig: sides.kubernetes.kubeconfig };
    const rig = openEngine(join(folder, `${name}.db`), places);
    try {
      await body(rig);
    } finally {
      rig.close();
    }
  }
});
