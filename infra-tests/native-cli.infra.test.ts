import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { mustRequest } from "./harness/api.ts";
import { waitUntil } from "./harness/wait.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type Answer, runCommand } from "./rig/command-line.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { dumpGroups, type GroupDumps } from "./rig/native/dump.ts";

const MIGRATION = "apiserver-to-crds";
const PEERS = "/crd.projectcalico.org/v1/bgppeers/";
const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const SETS = "/apis/projectcalico.org/v3/globalnetworksets";

describe("apiserver-to-crds on the command line", { timeout: 900_000 }, () => {
  let bed: NativeBed;
  let untouched: GroupDumps;
  const folder = temporaryFolder("native-cli");
  const store = join(folder, "store.db");

  before(async () => {
    bed = await startNativeBed({ resources: 60, nodes: 1, controllers: false });
    untouched = await dumpGroups(bed.api);
  });
  after(async () => {
    await bed.stop();
    removeFolder(folder);
  });

  function run(...words: readonly string[]): Promise<Answer> {
    return runCommand([...words, "--store", store], { HOME: folder });
  }

  function line(verb: string, ...more: readonly string[]): string[] {
    const cluster = ["--kubeconfig", bed.kubernetes.kubeconfig, "--crds", bed.manifestFile];
    return [verb, MIGRATION, ...cluster, "-o", "json", "-q", ...more];
  }

  async function assertUntouched(): Promise<void> {
    const now = await dumpGroups(bed.api);
    assert.deepEqual(untouched.old.changesUntil(now.old), []);
    assert.deepEqual(untouched.native.changesUntil(now.native), []);
  }

  test("plan and preflight tell what they find, and change nothing", async () => {
    const { code, stdout, stderr } = await run(...line("plan"));
    assert.equal(code, 0, stderr);
    const plan = JSON.parse(stdout) as {
      checks: { id: string; message: string }[];
      resources: { byKind: Record<string, number> };
      findings: Record<string, unknown>;
      stages: { name: string; pointOfNoReturn: boolean }[];
    };
    const { ClusterInformation: _locks, ...expected } = Object.fromEntries(bed.expected);
    assert.deepEqual(plan.resources.byKind, expected);
    assert.deepEqual(
      plan.stages.filter(({ pointOfNoReturn }) => pointOfNoReturn).map(({ name }) => name),
      ["unlock", "cleanup"],
    );
    assert.equal(plan.findings["installer"], "manifests");
    const dependants = plan.checks.find(({ id }) => id === "foreign-dependants");
    assert.match(dependants?.message ?? "", new RegExp(`${bed.dependants.length} configmaps`));
    assert.equal((await run(...line("preflight"))).code, 0);
    assert.equal((await run("get", "-o", "name")).stdout, "");
    await assertUntouched();
  });

  test("bad input gets a clear error with its own code, and changes nothing", async () => {
    const { kubeconfig } = bed.kubernetes;
    const cases: [string, number, string[]][] = [
      ["USAGE", 2, line("start", "--etcd-endpoints", "http://127.0.0.1:1")],
      [
        "MANIFEST_NOT_FOUND",
        1,
        ["start", MIGRATION, "--kubeconfig", kubeconfig, "--crds", join(folder, "no")],
      ],
      ["PREFLIGHT_FAILED", 3, ["start", MIGRATION, "--kubeconfig", kubeconfig]],
    ];
    for (const [code, exit, words] of cases) {
      const answer = await run(...words, "-q");
      assert.equal(answer.code, exit, answer.stderr);
      assert.ok(answer.stderr.includes(code), answer.stderr);
    }
    await assertUntouched();
  });

  test("stopped before the unlock it has no conflicts, compares both groups, and abort leaves no trace", async () => {
    const stopped = await run(...line("start", "--stop-before", "unlock", "--quiet-time", "0.2", "--yes"));
    assert.equal(stopped.code, 4, stopped.stderr);
    const { metadata, status } = JSON.parse(stopped.stdout) as {
      metadata: { name: string };
      status: { waiting: { subject: string } };
    };
    assert.equal(status.waiting.subject, "unlock");
    const runId = metadata.name;
    assert.equal((await run("conflicts", runId)).stdout, "no conflicts\n");
    assert.deepEqual([(await run("verify", runId)).code, (await run("diff", runId)).code], [0, 0]);
    await assertDifferenceNamed(runId);
    const aborted = await run("abort", runId, "--yes", "-q");
    assert.equal(aborted.code, 0, aborted.stderr);
    await assertUntouched();
    await assertRestores(runId);
  });

  /** What is lost after a run comes back out of its backup, through a group that serves the objects again. */
  async function assertRestores(runId: string): Promise<void> {
    const [lost = "", changed = ""] = [...untouched.old.entries.keys()].filter((id) => id.includes(PEERS));
    assert.ok(lost !== "" && changed !== "");
    await mustRequest(bed.api, "DELETE", lost);
    const options = { contentType: "application/merge-patch+json" };
    await mustRequest(bed.api, "PATCH", changed, { spec: { asNumber: 4_200_000_001 } }, options);
    assert.equal(untouched.old.changesUntil((await dumpGroups(bed.api)).old).length, 2);
    await restoreAll(runId);
    await assertUntouched();
    const undone = await run(
      "rollback",
      (await run("get", "-o", "name")).stdout.split("\n")[0] ?? "",
      "--yes",
      "-q",
    );
    assert.equal(undone.code, 0, undone.stderr);
    assert.equal(untouched.old.changesUntil((await dumpGroups(bed.api)).old).length, 2);
    await restoreAll(runId);
    await assertUntouched();
    await assertDrilled(runId);
  }

  /** Approves whatever it asks for, as a person does who has looked at it. */
  async function restoreAll(runId: string): Promise<void> {
    let answer = await run("restore", runId, "--side", "kubernetes", "--yes", "-q");
    while (answer.code === 4) answer = await run("approve", "-q");
    assert.equal(answer.code, 0, answer.stderr);
  }

  /** All of the old group is deleted with its definitions, as a cleanup does it. */
  async function assertDrilled(runId: string): Promise<void> {
    // What was created again has another UID, wherever it is named.
    const meaningOf = async (): Promise<string[]> =>
      [...(await dumpGroups(bed.api)).old.entries]
        .map(([id, text]) => `${id} ${text.replace(UID, "uid")}`)
        .sort();
    const before = await meaningOf();
    const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    const { items } = (await mustRequest(bed.api, "GET", definitions)) as {
      items: { metadata: { name: string } }[];
    };
    const old = items
      .map(({ metadata }) => metadata.name)
      .filter((name) => name.endsWith(".crd.projectcalico.org"));
    assert.ok(old.length > 10);
    for (const name of old) await mustRequest(bed.api, "DELETE", `${definitions}/${name}`);
    const gone = { what: "the old group is gone", timeoutMs: 60_000 };
    await waitUntil(gone, async () => (await meaningOf()).length === 0);

    await restoreAll(runId);
    assert.deepEqual(await meaningOf(), before);
  }

  async function assertDifferenceNamed(runId: string): Promise<void> {
    const { items } = (await mustRequest(bed.api, "GET", SETS)) as {
      items: { metadata: { name: string }; spec: object }[];
    };
    const [set] = items;
    assert.ok(set);
    const path = `${SETS}/${set.metadata.name}`;
    const options = { contentType: "application/merge-patch+json" };
    await mustRequest(bed.api, "PATCH", path, { metadata: { labels: { changed: "yes" } } }, options);
    const { code, stdout } = await run("diff", runId);
    await mustRequest(bed.api, "PATCH", path, { metadata: { labels: { changed: null } } }, options);
    assert.equal(code, 1);
    assert.match(stdout, new RegExp(`^GlobalNetworkSet .*${set.metadata.name} .*changed`, "m"));
    assert.equal((await run("diff", runId)).code, 0);
  }
});
