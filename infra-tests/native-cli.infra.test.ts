import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { mustRequest } from "./harness/api.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type Answer, runCommand } from "./rig/command-line.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { dumpGroups, type GroupDumps } from "./rig/native/dump.ts";

const MIGRATION = "apiserver-to-crds";
const PEERS = "/crd.projectcalico.org/v1/bgppeers/";
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
    assert.equal(existsSync(store), false);
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
    const restored = await run("restore", runId, "--side", "kubernetes", "--yes", "-q");
    assert.equal(restored.code, 0, restored.stderr);
    await assertUntouched();
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
