import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { readLock } from "../shared/calico/lock.ts";
import { CLUSTER_INFORMATION_KEY } from "../shared/migrations/etcd-to-kubernetes/source-lock.ts";
import { mustRequest } from "./harness/api.ts";
import { ensureBinaries } from "./harness/binaries.ts";
import { withEtcdClient } from "./harness/etcd-kv.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type Sides, startSides } from "./rig/clusters.ts";
import { type Answer, runCommand } from "./rig/command-line.ts";
import { openEngine, startRun } from "./rig/runs.ts";

const PAGE = readFileSync(join(import.meta.dirname, "..", "docs", "break-glass.md"), "utf8");
const INFORMATION = "/apis/crd.projectcalico.org/v1/clusterinformations/default";
const bash = promisify(execFile);

/** The commands of the page that have this word in them, as they stand there. */
function commands(word: string): string[] {
  const blocks = [...PAGE.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = ""]) => text);
  return blocks.filter((text) => text.includes(word) && !text.includes("calico-migrator unlock"));
}

describe("break glass: the store is lost while both datastores are locked", { timeout: 600_000 }, () => {
  let sides: Sides;
  let folder: string;
  let runId: string;
  let etcdBefore: string;

  before(async () => {
    folder = temporaryFolder("break-glass");
    sides = await startSides({ resources: 30, nodes: 2 });
    etcdBefore = await etcdValue();
    const address = { etcdEndpoint: sides.etcd.endpoint, kubeconfig: sides.kubernetes.kubeconfig };
    const rig = openEngine(join(folder, "lost.db"), address);
    const approvals = ["switch", "uncarried", "unmapped-nodes"];
    runId = await startRun(rig, { quietMs: 100 }, approvals, "unlock");
    const { waiting, failure } = await rig.drive(runId);
    assert.equal(waiting?.subject, "unlock", JSON.stringify(failure));
    rig.close();
  });
  after(async () => {
    await sides.stop();
    removeFolder(folder);
  });

  function unlock(...words: string[]): Promise<Answer> {
    const way = ["--kubeconfig", sides.kubernetes.kubeconfig, "--etcd-endpoints", sides.etcd.endpoint];
    return runCommand(["unlock", ...way, ...words, "--store", join(folder, "none.db")], { HOME: folder });
  }

  async function etcdValue(): Promise<string> {
    return withEtcdClient(
      sides.etcd,
      async (client) => (await client.get(CLUSTER_INFORMATION_KEY).string()) ?? "",
    );
  }

  async function target(): Promise<ReturnType<typeof readLock>> {
    return readLock(await mustRequest(sides.kubernetes.api, "GET", INFORMATION));
  }

  /** Locks both sides again as the run had. */
  async function lockedAgain(body: () => Promise<void>): Promise<void> {
    const [text, object] = [await etcdValue(), await mustRequest(sides.kubernetes.api, "GET", INFORMATION)];
    await body();
    await withEtcdClient(sides.etcd, async (client) => client.put(CLUSTER_INFORMATION_KEY).value(text));
    const { metadata, spec } = object as { metadata: { annotations: object }; spec: object };
    const patch = { metadata: { annotations: metadata.annotations }, spec };
    await sides.kubernetes.kubectl([
      "patch",
      "clusterinformations.crd.projectcalico.org",
      "default",
      "--type=merge",
      "-p",
      JSON.stringify(patch),
    ]);
  }

  /** Runs what the page has for etcd to the letter, with etcdctl itself. */
  async function etcdctl(text: string): Promise<string> {
    const { etcdctl: program } = await ensureBinaries(["etcdctl"]);
    const env = {
      PATH: `${dirname(program)}:${process.env["PATH"]}`,
      ETCDCTL_ENDPOINTS: sides.etcd.endpoint,
    };
    return (await bash("bash", ["-euo", "pipefail", "-c", text], { env })).stdout;
  }

  test("unlock names the run, and lifts the lock of the datastore that is named", () =>
    lockedAgain(async () => {
      const seen = await unlock();
      assert.equal(seen.code, 4, seen.stderr);
      assert.equal(seen.stdout.split(runId).length, 3, seen.stdout);

      const { code, stderr } = await unlock("--force", "--side", "etcd");
      assert.equal(code, 0, stderr);
      assert.equal(await etcdValue(), etcdBefore);
      assert.deepEqual(await target(), { ready: false, lockedBy: runId });

      const second = ["--force", "--side", "crd.projectcalico.org"];
      assert.match((await unlock(...second)).stderr, /\(SIDE_OTHER_OPEN\)/);
      assert.deepEqual(await target(), { ready: false, lockedBy: runId });
      assert.equal((await unlock(...second, "--anyway")).code, 0);
      assert.deepEqual(await target(), { ready: true });
    }));

  test("the page's kubectl command unlocks the Kubernetes datastore", () =>
    lockedAgain(async () => {
      const [line = ""] = commands("kubectl patch clusterinformations.crd.projectcalico.org");
      const [, object = "", type = "", patch = ""] =
        /^kubectl patch (\S+) default (\S+) -p '(.*)'$/m.exec(line) ?? [];
      await sides.kubernetes.kubectl(["patch", object, "default", type, "-p", patch]);
      assert.deepEqual(await target(), { ready: true });
      const [native = ""] = commands("kubectl patch clusterinformations.projectcalico.org");
      assert.equal(native, line.replace("crd.projectcalico.org", "projectcalico.org"));
    }));

  test("the page's etcdctl commands show and unlock etcd, and leave every other byte", () =>
    lockedAgain(async () => {
      const [look = ""] = commands("etcdctl get").flatMap((text) => /^etcdctl get .*$/m.exec(text) ?? []);
      assert.deepEqual(readLock(await etcdctl(look)), { ready: false, lockedBy: runId });
      const [unlock = ""] = commands("etcdctl put");
      assert.equal(await etcdctl(unlock), "OK\n");
      const after = await etcdValue();
      assert.deepEqual(readLock(after), { ready: true });
      assert.equal(after, after.trim());
      const { metadata, ...rest } = JSON.parse(after) as { metadata: { annotations?: object } };
      const before = JSON.parse(etcdBefore) as typeof rest & { metadata: { annotations?: object } };
      assert.deepEqual(
        { ...rest, metadata: { ...metadata, annotations: metadata.annotations ?? {} } },
        { ...before, metadata: { ...before.metadata, annotations: before.metadata.annotations ?? {} } },
      );
    }));
});
