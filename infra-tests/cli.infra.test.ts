import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildStageSet, manifestOf, type EtcdStageSet } from "./demo/stage-set.ts";
import { mustRequest } from "./harness/api.ts";
import { dumpEtcd, dumpKubernetes } from "./harness/dump.ts";
import { withEtcdClient } from "./harness/etcd-kv.ts";
import { type EtcdHandle, startEtcd } from "./harness/etcd.ts";
import { freePort } from "./harness/ports.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type Answer, runCommand } from "./rig/command-line.ts";
import { assertShown, tourOf } from "./rig/tour.ts";

/** Where a run may leave traces, workloads apart: their controllers count generations in annotations. */
const PATHS = [
  "/apis/crd.projectcalico.org/v1",
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  "/api/v1/nodes",
  "/api/v1/namespaces",
  "/api/v1/namespaces/kube-system/configmaps",
];

/** What Calico's agents write about themselves, and write again: no backup has it. */
const OF_AGENTS = /^\/calico\/(felix\/v2\/|compaction\/v1\/|ipam\/v2\/host\/[^/]+$)/;

describe("the command line on a real cluster", { timeout: 600_000 }, () => {
  let set: EtcdStageSet;
  let tls: EtcdHandle;
  let folder: string;

  before(async () => {
    folder = temporaryFolder("cli");
    [set, tls] = await Promise.all([
      buildStageSet({ resources: 150, kubernetes: { local: true } }, () => undefined),
      startEtcd({ tls: true }),
    ]);
    await set.kubernetes.kubectl([
      "--namespace=kube-system",
      "rollout",
      "status",
      "ds/calico-node",
      "--timeout=120s",
    ]);
  });
  after(async () => {
    await Promise.all([set.stop(), tls.stop()]);
    removeFolder(folder);
  });

  const store = (): string => join(folder, "store.db");

  function run(...words: readonly string[]): Promise<Answer> {
    return runCommand([...words, "--store", store()], { HOME: folder });
  }

  /** The command line that is right, with some of its options replaced; undefined takes one away. */
  function line(verb: string, over: Record<string, string | undefined> = {}): string[] {
    const options: Record<string, string | undefined> = {
      kubeconfig: set.kubernetes.kubeconfig,
      "etcd-endpoints": set.etcd.endpoint,
      manifest: manifestOf("kubernetes"),
      ...over,
    };
    const given = Object.entries(options).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    return [
      verb,
      "etcd-to-kubernetes",
      ...given.flatMap(([name, value]) => [`--${name}`, value]),
      "-o",
      "json",
    ];
  }

  async function both(): Promise<string> {
    const dumps = [dumpEtcd(set.etcd), dumpKubernetes(set.kubernetes.api, { paths: PATHS })];
    return (await Promise.all(dumps)).map(({ hash }) => hash).join();
  }

  async function datastore(): Promise<string> {
    const path = "jsonpath={.spec.template.spec.containers[0].env[?(@.name=='DATASTORE_TYPE')].value}";
    return set.kubernetes.kubectl(["--namespace=kube-system", "get", "ds/calico-node", `--output=${path}`]);
  }

  test("plan and preflight look at everything and change nothing", async () => {
    const untouched = await both();
    const { code, stdout, stderr } = await run(...line("plan"));
    assert.equal(code, 0, stderr);
    const plan = JSON.parse(stdout) as {
      resources: { total: number };
      stages: { pointOfNoReturn: boolean }[];
    };
    // ClusterInformation belongs to the lock and is not counted among what is copied.
    assert.equal(plan.resources.total, set.seed.resources - 1);
    assert.equal(plan.stages.filter(({ pointOfNoReturn }) => pointOfNoReturn).length, 1);
    assert.equal((await run(...line("preflight"))).code, 0);
    assert.equal(await both(), untouched);
    assert.equal((await run("get", "-o", "name")).stdout, "");
  });

  test("bad input gets a clear error with its own code, and changes nothing", async () => {
    const untouched = await both();
    const nowhere = `127.0.0.1:${await freePort()}`;
    const file = (name: string, content: string): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const { ca } = set.kubernetes.api;
    const elsewhere = {
      "current-context": "a",
      clusters: [
        { name: "a", cluster: { server: `https://${nowhere}`, "certificate-authority-data": btoa(ca) } },
        { name: "wrong", cluster: { server: set.kubernetes.server } },
      ],
      contexts: ["a", "wrong"].map((name) => ({ name, context: { cluster: name } })),
    };
    const kubeconfig = file("elsewhere", JSON.stringify(elsewhere));
    const secure = { "etcd-endpoints": tls.endpoint };
    const cases: [string, number, Record<string, string | undefined>][] = [
      ["ETCD_UNREACHABLE", 1, { "etcd-endpoints": `http://${nowhere}` }],
      ["ETCD_TLS", 1, secure],
      ["ETCD_CONFIG_INVALID", 2, { "etcd-endpoints": "10.0.0.1" }],
      ["ETCD_FILE_UNREADABLE", 1, { ...secure, "etcd-ca": join(folder, "no-such-file") }],
      ["ETCD_PEM_INVALID", 1, { ...secure, "etcd-ca": file("ca.pem", "not a certificate") }],
      ["USAGE", 2, { "etcd-endpoints": undefined }],
      ["KUBERNETES_UNREACHABLE", 1, { kubeconfig }],
      ["KUBERNETES_TLS", 1, { kubeconfig, context: "wrong" }],
      ["KUBECONFIG_NOT_FOUND", 1, { kubeconfig: join(folder, "no-such-file") }],
      ["KUBECONFIG_INVALID", 1, { kubeconfig: file("broken", "a: [") }],
      ["KUBECONFIG_CONTEXT_MISSING", 1, { context: "no-such-context" }],
      ["MANIFEST_NOT_FOUND", 1, { manifest: join(folder, "no-such-file") }],
      ["MANIFEST_INVALID", 1, { manifest: file("manifest.yaml", "kind: [") }],
      ["PREFLIGHT_FAILED", 3, { manifest: manifestOf("etcd") }],
      ["STAGE_UNKNOWN", 2, { "stop-before": "nowhere" }],
    ];
    for (const [code, exit, over] of cases) {
      const answer = await run(...line("start", over), "-q");
      assert.equal(answer.code, exit, `${code}: ${answer.stderr}`);
      assert.match(answer.stderr, /^\{/, code);
      const { error } = JSON.parse(answer.stderr) as { error: { code: string; next: string } };
      assert.equal(error.code, code, answer.stderr);
      assert.notEqual(error.next, "");
    }
    assert.equal(await both(), untouched);
  });

  test("a target that is not empty is refused by the preflight, by name", async () => {
    const path = "/apis/crd.projectcalico.org/v1/ippools";
    const pool = { apiVersion: "crd.projectcalico.org/v1", kind: "IPPool", metadata: { name: "foreign" } };
    const planned = await run(...line("plan"), "-q");
    await mustRequest(set.kubernetes.api, "POST", path, { ...pool, spec: { cidr: "10.99.0.0/16" } });
    const { hash } = JSON.parse(planned.stdout) as { hash: string };
    const untouched = await both();
    const outdated = await run("start", "--plan", hash);
    assert.equal(outdated.code, 4);
    assert.match(outdated.stderr, /check target-empty: planned pass, now .* \(PLAN_OUTDATED\)/);
    const { code, stderr } = await run(...line("start"), "-q");
    assert.equal(code, 3);
    assert.match(stderr, /PREFLIGHT_FAILED/);
    assert.match(stderr, /target-empty/);
    assert.equal(await both(), untouched);
    await mustRequest(set.kubernetes.api, "DELETE", `${path}/foreign`);
  });

  test("--stop-before unlock waits; rollback puts both sides back as they were", async () => {
    const untouched = await both();
    const { hash } = JSON.parse((await run(...line("plan"), "-q")).stdout) as { hash: string };
    const planned = ["start", "--plan", hash, "--stop-before", "unlock", "-o", "json", "--yes", "-q"];
    const stopped = await run(...planned);
    assert.equal(stopped.code, 4, stopped.stderr);
    const runId = (JSON.parse(stopped.stdout) as { metadata: { name: string } }).metadata.name;
    assert.equal(await datastore(), "kubernetes");
    assert.equal((await run("verify", runId)).code, 0);
    assert.equal((await run("diff", runId)).code, 0);
    const undone = await run("rollback", runId, "--yes", "-q");
    assert.equal(undone.code, 0, undone.stderr);
    assert.equal(await datastore(), "etcdv3");
    assert.equal(await both(), untouched);
  });

  test("--stop-before unlock, then approve: the run succeeds as the README's tour shows it", async () => {
    const told = line("start", { "rollback-manifest": manifestOf("etcd"), "stop-before": "unlock" });
    const stopped = await run(...told.slice(0, -2));
    assert.equal(stopped.code, 4, stopped.stderr);
    const runId = /run (etcd-to-kubernetes-[0-9a-f]+)/.exec(stopped.stdout + stopped.stderr)?.[1] ?? "";
    const approved = await run("approve", runId);
    assert.equal(approved.code, 0, approved.stderr);
    assert.match(approved.stdout, /Succeeded[^]*total +149[^]*datastore locked: [^]*report: /);
    assert.ok(existsSync(join(folder, "reports", `${runId}.json`)));
    assert.equal(await datastore(), "kubernetes");
    const printed = [stopped.stderr, stopped.stdout, approved.stderr, approved.stdout].join("\n");
    assertShown(tourOf("npx calico-migrator start", "stopping the clusters"), printed);
  });

  test("what was changed on one side is named by diff, with exit code 1", async () => {
    const path = "/apis/crd.projectcalico.org/v1/bgpconfigurations/default";
    const contentType = "application/merge-patch+json";
    const patch = (asNumber: number): Promise<unknown> =>
      mustRequest(set.kubernetes.api, "PATCH", path, { spec: { asNumber } }, { contentType });
    const runId = await lastRun();
    await patch(65_000);
    const { code, stdout } = await run("diff", runId);
    await patch(64_512);
    assert.equal(code, 1);
    assert.match(stdout, /BGPConfiguration .*default +spec\.asNumber: source 64512, target 65000/);
    assert.equal((await run("diff", runId)).code, 0);
  });

  test("kubectl takes every object of an exported backup as it is there", async () => {
    const backup = await run("backup", "--cluster", "test", "-o", "name", "-q");
    assert.equal(backup.code, 0, backup.stderr);
    const exported = join(folder, "readable");
    assert.equal((await run("backup", "export", backup.stdout.trim(), exported)).code, 0);
    const objects = join(exported, "kubernetes");
    const files = readdirSync(objects, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".yaml"),
    );
    assert.ok(files.includes("crd.projectcalico.org_v1/networkpolicies.yaml"), files.join());
    // The server judges each against its schema, strictly, and keeps nothing.
    const way = ["--server-side", "--force-conflicts", "--dry-run=server", "--recursive", "-o", "name"];
    const taken = await set.kubernetes.kubectl(["apply", ...way, "-f", objects]);
    const documents = files.flatMap(
      (name) => readFileSync(join(objects, name), "utf8").match(/^---$/gm) ?? [],
    );
    assert.equal(taken.trim().split("\n").length, documents.length);
  });

  test("rollback after the unlock gives the cluster back to etcd", async () => {
    const { code, stderr } = await run("rollback", await lastRun(), "--yes", "-q");
    assert.equal(code, 0, stderr);
    assert.equal(await datastore(), "etcdv3");
    const rows = (await run("get", "-o", "json")).stdout;
    assert.doesNotMatch(rows, /"state": "(Running|Waiting|Pending)"/);
  });

  test("backup keeps both sides, and restore brings back what was lost", async () => {
    const before = (await dumpEtcd(set.etcd)).hash;
    const backup = await run("backup", "--cluster", "test", "-o", "name", "-q");
    assert.equal(backup.code, 0, backup.stderr);
    await withEtcdClient(set.etcd, (client) =>
      client.delete().key("/calico/resources/v3/projectcalico.org/bgpconfigurations/default").exec(),
    );
    let restored = await run("restore", backup.stdout.trim(), "--side", "etcd", "--yes", "-q");
    while (restored.code === 4) restored = await run("approve", "-q");
    assert.equal(restored.code, 0, restored.stderr);
    assert.equal((await dumpEtcd(set.etcd)).hash, before);
  });

  test("restore drill: etcd comes back out of the migration's exported backup, through a fresh store", async () => {
    const migrated = await lastRun();
    const [exported, fresh] = [join(folder, "exported"), join(folder, "fresh.db")];
    const inFresh = (...words: string[]): Promise<Answer> =>
      runCommand([...words, "--store", fresh], { HOME: folder });
    const before = await dumpEtcd(set.etcd);
    const written = await run("backup", "export", migrated, exported);
    assert.equal(written.code, 0, written.stderr);
    await withEtcdClient(set.etcd, (client) => client.delete().prefix("/calico/").exec());
    assert.notEqual((await dumpEtcd(set.etcd)).hash, before.hash);

    assert.equal((await inFresh("backup", "import", exported)).code, 0);
    const way = ["--kubeconfig", set.kubernetes.kubeconfig, "--etcd-endpoints", set.etcd.endpoint, "-q"];
    const asked = await inFresh("restore", migrated, "--side", "etcd", ...way, "--yes");
    assert.equal(asked.code, 4, asked.stderr);
    assert.match(asked.stderr, /addresses/);
    let restored = asked;
    while (restored.code === 4) restored = await inFresh("approve", "-q");
    assert.equal(restored.code, 0, restored.stderr);

    const left = before.changesUntil(await dumpEtcd(set.etcd)).map(({ id }) => id);
    assert.deepEqual(
      left.filter((id) => !OF_AGENTS.test(id)),
      [],
    );
  });

  /** The newest migration. */
  async function lastRun(): Promise<string> {
    const names = (await run("get", "-o", "name")).stdout.split("\n");
    return names.find((name) => name.startsWith("etcd-to-kubernetes-")) ?? "";
  }
});
