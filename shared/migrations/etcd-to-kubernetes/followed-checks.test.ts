import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { resource, resourceKey } from "../../calico/testing/samples.ts";
import type { JsonObject } from "../../json.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { CHECKS } from "./preflight/catalogue.ts";
import type { CheckReport } from "./preflight/check.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, resume } from "./testing/steps.ts";
import { startRun, type Worker, World } from "./testing/world.ts";

/** What keeps a check from passing, and who does what its advice says. */
interface Row {
  check: string;
  /** What of the advice is followed. */
  advice: RegExp;
  /** Brings about what the check finds, and gives what mends it. */
  breaks: (world: World) => Promise<Mend> | Mend;
  /** What the run is started again with, where the advice says so. */
  options?: Record<string, unknown>;
}
type Mend = () => unknown;

const POOL = { apiVersion: "crd.projectcalico.org/v1", plural: "ippools" };

async function withoutCrd({ kubernetes }: World, name: string): Promise<Mend> {
  const ref = { ...crdResource, name };
  const { metadata, ...crd } = await kubernetes.get(ref);
  await kubernetes.delete(ref);
  return () => kubernetes.create(crdResource, { ...crd, metadata: { name } });
}

/** Those that stop a run: it is mended, and resumed. */
const BLOCKING: readonly Row[] = [
  {
    check: "etcd-reachable",
    advice: /^Mend etcd or the way to it, then `resume`/,
    breaks: ({ etcd }) => {
      const status = etcd.status.bind(etcd);
      etcd.status = async () => ({ ...(await status()), leader: false });
      return () => (etcd.status = status);
    },
  },
  {
    check: "etcd-holds-calico",
    advice: /one of calicoctl with `calicoctl datastore migrate unlock`/,
    breaks: ({ etcd }) => {
      const before = etcd.dump()[CLUSTER_INFORMATION_KEY] ?? "";
      const locked = JSON.parse(before) as { spec: JsonObject };
      locked.spec["datastoreReady"] = false;
      etcd.put(CLUSTER_INFORMATION_KEY, JSON.stringify(locked));
      return () => etcd.put(CLUSTER_INFORMATION_KEY, before);
    },
  },
  {
    check: "kubernetes-version",
    advice: /^Upgrade Kubernetes first, then `resume`/,
    breaks: ({ kubernetes }) => {
      const now = kubernetes.request.bind(kubernetes);
      kubernetes.request = () => Promise.resolve({ status: 200, body: { gitVersion: "v1.21.14" } });
      return () => (kubernetes.request = now);
    },
  },
  {
    check: "crds-established",
    advice: /^Apply the CRDs .*, then `resume`/,
    breaks: (world) => withoutCrd(world, "ippools.crd.projectcalico.org"),
  },
  {
    check: "access",
    advice: /^Grant these rights, .*, then `resume`/,
    breaks: ({ kubernetes }) => {
      const create = kubernetes.create.bind(kubernetes);
      kubernetes.create = (ref, object, options) =>
        ref.plural === "selfsubjectaccessreviews"
          ? Promise.resolve({ status: { allowed: false } })
          : create(ref, object, options);
      return () => (kubernetes.create = create);
    },
  },
  {
    check: "target-empty",
    advice: /delete what else is named, then `resume`/,
    breaks: async ({ kubernetes }) => {
      await kubernetes.create(POOL, { ...POOL, kind: "IPPool", metadata: { name: "theirs" }, spec: {} });
      return () => kubernetes.delete({ ...POOL, name: "theirs" });
    },
  },
  {
    check: "values-valid",
    advice: /^Mend or delete the keys that are named, .*, then `resume`/,
    breaks: ({ etcd }) => {
      const key = policyKey("shop/broken");
      etcd.put(key, "{");
      return () => etcd.delete(key);
    },
  },
  {
    check: "names-unique",
    advice: /^Rename or delete one of each two with calicoctl, then `resume`/,
    breaks: ({ etcd }) => {
      for (const name of ["shop/default.foo", "shop/foo"]) etcd.put(policyKey(name), policyValue(name));
      return () => etcd.delete(policyKey("shop/foo"));
    },
  },
  {
    check: "schema-accepts",
    advice: /^Mend the resources that are named, with calicoctl; .* Then `resume`/,
    breaks: async ({ etcd, kubernetes }) => {
      const nets = { type: "array", items: { type: "string", maxLength: 30 } };
      const spec = { type: "object", properties: { nets } };
      const schema = { openAPIV3Schema: { type: "object", properties: { spec } } };
      const versions = [{ name: "v1", served: true, storage: true, schema }];
      const ref = { ...crdResource, name: "globalnetworksets.crd.projectcalico.org" };
      await kubernetes.patch(ref, { spec: { versions } }, { type: "merge" });
      const key = resourceKey("globalnetworksets", "long");
      const put = (net: string): number =>
        etcd.put(key, JSON.stringify(resource("GlobalNetworkSet", "long", { nets: [net] })));
      put("2001:db8:aaaa:bbbb:cccc:dddd::/96");
      return () => put("2001:db8::/96");
    },
  },
  {
    check: "others-on-etcd",
    advice: /^Delete Nodes and endpoints of what is gone with calicoctl/,
    breaks: ({ etcd }) => {
      const key = resourceKey("workloadendpoints", "shop/vm");
      const spec = { orchestrator: "openstack", node: "node-b" };
      etcd.put(key, JSON.stringify(resource("WorkloadEndpoint", "shop/vm", spec)));
      return () => etcd.delete(key);
    },
  },
  {
    check: "server-accepts",
    advice: /let an admission policy, webhook or quota pass it; .* Then `resume`/,
    breaks: ({ etcd, kubernetes }) => {
      etcd.put(policyKey("shop/forbidden"), policyValue("shop/forbidden"));
      kubernetes.hooks.dryRun = (write, object) => {
        if (!write.endsWith("/forbidden")) return object;
        throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", "no", { next: "", status: 403 });
      };
      return () => delete kubernetes.hooks.dryRun;
    },
  },
];

/** Those that are told, and stop nothing: it is mended, and the run started again. */
const WARNINGS: readonly Row[] = [
  {
    check: "crds-of-version",
    advice: /^Apply the CRDs of that version, then start again/,
    breaks: (world) => withoutCrd(world, "bgpfilters.crd.projectcalico.org"),
  },
  {
    check: "calico-version",
    advice: /^Start again with --calico-version/,
    breaks: ({ etcd }) => {
      const value = JSON.parse(etcd.dump()[CLUSTER_INFORMATION_KEY] ?? "") as { spec: JsonObject };
      delete value.spec["calicoVersion"];
      etcd.put(CLUSTER_INFORMATION_KEY, JSON.stringify(value));
      return () => undefined;
    },
    options: { calicoVersion: "v3.32.0" },
  },
  {
    check: "references-resolve",
    advice: /create what they name, or delete them\.$/,
    breaks: ({ etcd }) => {
      const spec = { tier: "lost", order: 1, selector: "all()" };
      const key = resourceKey("globalnetworkpolicies", "lost.p");
      etcd.put(key, JSON.stringify(resource("GlobalNetworkPolicy", "lost.p", spec)));
      return () =>
        etcd.put(resourceKey("tiers", "lost"), JSON.stringify(resource("Tier", "lost", { order: 9 })));
    },
  },
  {
    check: "server-tried",
    advice: /Set `sideEffects: None` on the webhook/,
    breaks: ({ kubernetes }) => {
      kubernetes.hooks.dryRun = (write, object) => {
        if (!write.includes("/networkpolicies/")) return object;
        const why = 'admission webhook "w" does not support dry run';
        throw new KubernetesApiError("KUBERNETES_REJECTED", why, { next: "", status: 400 });
      };
      return () => delete kubernetes.hooks.dryRun;
    },
  },
];

/** Those that need a person's yes. */
const CONSENTS: readonly (readonly [check: string, breaks: (world: World) => unknown])[] = [
  [
    "all-carried",
    ({ etcd }) => etcd.put(resourceKey("profiles", "mine"), JSON.stringify(resource("Profile", "mine", {}))),
  ],
  [
    "nodes-mapped",
    ({ etcd }) => {
      const spec = { orchRefs: [{ nodeName: "gone", orchestrator: "k8s" }] };
      etcd.put(resourceKey("nodes", "gone"), JSON.stringify(resource("Node", "gone", spec)));
    },
  ],
  [
    "foreign-owners",
    async ({ kubernetes }) => {
      const namespace = "kube-system";
      const core = { apiVersion: "v1", plural: "namespaces" };
      await kubernetes.create(core, { kind: "Namespace", metadata: { name: namespace } });
      const daemonSets = { apiVersion: "apps/v1", plural: "daemonsets", namespace };
      const managed = { fieldManager: "argocd-controller" };
      const metadata = { name: "calico-node", namespace };
      const env = [{ name: "DATASTORE_TYPE", value: "etcdv3" }];
      const spec = { template: { spec: { containers: [{ name: "calico-node", env }] } } };
      await kubernetes.create(daemonSets, { ...daemonSets, kind: "DaemonSet", metadata, spec }, managed);
    },
  ],
];

async function reportOf(world: World, worker: Worker, runId: string, id: string): Promise<CheckReport> {
  const { stages } = await world.describe(worker, runId);
  const checks = stages.find(({ stage }) => stage === "preflight")?.notes[
    "checks"
  ] as unknown as CheckReport[];
  return checks.find((check) => check.id === id) ?? assert.fail(`${id} was not run`);
}

describe("the advice of a check of etcd-to-kubernetes, followed", () => {
  for (const { check, advice, breaks } of BLOCKING)
    test(`lets the run go on: ${check}`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const mend = await breaks(world);
      const runId = await startRun(worker, { stopBefore: "backup" });
      const { run } = await world.drive(worker, runId);
      assert.equal(run.failure?.code, "PREFLIGHT_FAILED", JSON.stringify(run.waiting));
      const { status, fix } = await reportOf(world, worker, runId, check);
      assert.deepEqual([status, advice.test(fix)], ["fail", true], fix);

      await mend();
      const after = await resume(world, worker, runId);

      assert.equal(after.run.waiting?.subject, "backup", after.run.failure?.message);
      assert.equal((await reportOf(world, worker, runId, check)).status, "pass");
    });

  for (const { check, advice, breaks, options = {} } of WARNINGS)
    test(`is not told again: ${check}`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const mend = await breaks(world);
      const first = await startRun(worker, { stopBefore: "backup" });
      assert.equal((await world.drive(worker, first)).run.waiting?.subject, "backup");
      const { status, fix } = await reportOf(world, worker, first, check);
      assert.deepEqual([status, advice.test(fix)], ["fail", true], fix);
      await worker.engine.undo(first, "abort");
      await world.drive(worker, first);

      await mend();
      const again = await startRun(worker, { stopBefore: "backup", options });
      await world.drive(worker, again);

      assert.equal((await reportOf(world, worker, again, check)).status, "pass");
    });

  for (const [id, breaks] of CONSENTS)
    test(`is a yes that the run takes: ${id}`, async () => {
      using world = await World.create();
      const worker = world.worker();
      await breaks(world);
      const runId = await startRun(worker, { stopBefore: "switch" });
      const { run } = await world.drive(worker, runId);
      const { subject = "", fix } = CHECKS.find((check) => check.id === id) ?? assert.fail();
      assert.ok(fix.includes(`\`${subject}\``), fix);
      assert.equal(run.waiting?.subject, subject, run.failure?.message);

      const after = await approve(world, worker, runId, subject);
      assert.equal(
        after.run.waiting?.subject,
        "switch",
        JSON.stringify([after.run.stage, after.run.failure]),
      );
    });

  test("is to do nothing: etcd-history", async () => {
    using world = await World.create();
    const worker = world.worker();
    world.etcd.compact();
    const runId = await startRun(worker);
    const { run } = await world.drive(worker, runId);
    const { status, fix } = await reportOf(world, worker, runId, "etcd-history");
    assert.deepEqual([status, /^Nothing is lost/.test(fix)], ["fail", true], fix);
    assert.equal(run.state, "Succeeded", run.failure?.message);
  });

  test("starts it again with another manifest: manifest", async (t) => {
    using world = await World.create();
    const worker = world.worker();
    const folder = mkdtempSync(join(tmpdir(), "calico-migrator-followed-checks-"));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const manifestOf = (datastore: string): string => {
      const file = join(folder, `${datastore}.json`);
      const env = [{ name: "DATASTORE_TYPE", value: datastore }];
      const spec = { template: { spec: { containers: [{ name: "calico-node", env }] } } };
      const metadata = { name: "calico-node", namespace: "kube-system" };
      writeFileSync(file, JSON.stringify({ apiVersion: "apps/v1", kind: "DaemonSet", metadata, spec }));
      return file;
    };
    const { kubernetes } = world;
    const asked = kubernetes.request.bind(kubernetes);
    const resources = [{ name: "daemonsets", kind: "DaemonSet", namespaced: true, verbs: ["patch"] }];
    kubernetes.request = (request) =>
      request.path.startsWith("/apis/apps/v1")
        ? Promise.resolve({ status: 200, body: { resources } })
        : asked(request);
    const first = await startRun(worker, { options: { manifest: manifestOf("etcdv3") } });
    assert.equal((await world.drive(worker, first)).run.failure?.code, "PREFLIGHT_FAILED");
    const { status, fix } = await reportOf(world, worker, first, "manifest");
    assert.deepEqual(
      [status, /^Start again with the Calico manifest for the Kubernetes/.test(fix)],
      ["fail", true],
    );

    const manifest = manifestOf("kubernetes");
    const again = await startRun(worker, { stopBefore: "backup", options: { manifest } });

    const { run } = await world.drive(worker, again);
    assert.equal(run.waiting?.subject, "backup", run.failure?.message);
    assert.equal((await reportOf(world, worker, again, "manifest")).status, "pass");
  });
});
