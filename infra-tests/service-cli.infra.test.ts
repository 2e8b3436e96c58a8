import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildStageSet, type EtcdStageSet, manifestOf } from "./demo/stage-set.ts";
import { dumpEtcd, dumpKubernetes } from "./harness/dump.ts";
import { type LocalStack, startLocalStack } from "./harness/localstack/index.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { type Answer, runCommand } from "./rig/command-line.ts";
import { assertPrinted, shownOnAws } from "./rig/readme.ts";
import { type DeployedStack, deployStack } from "./rig/stack.ts";

const CALICO = { paths: ["/apis/crd.projectcalico.org/v1"] };

/** What a person sees: progress and errors, then what was asked for. */
function textOf({ stdout, stderr }: Answer): string {
  return `${stderr}${stdout}`;
}

describe("the command line with a deployed stack", { timeout: 1_200_000 }, () => {
  let localStack: LocalStack;
  let stack: DeployedStack;
  let set: EtcdStageSet;
  let folder: string;

  before(async () => {
    folder = temporaryFolder("service-cli");
    [localStack, set] = await Promise.all([
      startLocalStack({ local: true, schedulerSpeed: 12 }),
      buildStageSet({ resources: 150, kubernetes: { local: true } }, () => undefined),
    ]);
    stack = await deployStack(localStack);
  });
  after(async () => {
    await stack.destroy();
    await Promise.all([localStack.stop(), set.stop()]);
    removeFolder(folder);
  });

  function run(...words: readonly string[]): Promise<Answer> {
    const env = { HOME: folder, ...localStack.env, ALLOW_LOOPBACK_SERVERS: "true" };
    return runCommand([...words, `--aws=${stack.stackName}`], env);
  }

  async function ok(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run(...words);
    assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** A run of the stack has locked both datastores and waits: its lock is not lifted behind its back. */
  async function refusesToUnlock(): Promise<void> {
    const { etcd, kubernetes } = set;
    const way = ["--kubeconfig", kubernetes.kubeconfig, "--etcd-endpoints", etcd.endpoint];
    const seen = await run("unlock", ...way);
    assert.match(seen.stdout, /^etcd +yes +etcd-to-kubernetes-/m, seen.stderr);
    const { code, stderr } = await run("unlock", ...way, "--force", "--side", "etcd");
    assert.deepEqual(
      [code, /on prod is in the stack's table.*\(RUN_ALIVE\)/.test(stderr)],
      [1, true],
      stderr,
    );
  }

  /** Plans from here, and gives the hash under which the stack's bucket has the plan. */
  async function planned(...options: readonly string[]): Promise<string> {
    const { etcd, kubernetes } = set;
    const way = ["--kubeconfig", kubernetes.kubeconfig, "--etcd-endpoints", etcd.endpoint];
    const text = await ok("plan", "etcd-to-kubernetes", "--cluster", "prod", ...way, ...options);
    return / start --plan ([0-9a-f]{12}) --aws=/.exec(text)?.[1] ?? assert.fail(text);
  }

  /** Makes the service account that README's cluster is added with. */
  async function makeAccount(): Promise<void> {
    const file = join(folder, "rbac.yaml");
    writeFileSync(file, await ok("rbac", "etcd-to-kubernetes", "--manifest", manifestOf("kubernetes")));
    await set.kubernetes.kubectl(["apply", `--filename=${file}`]);
  }

  test("adds a cluster, plans, migrates it with a manifest as planned, and brings it back, as README shows", async () => {
    const { etcd, kubernetes } = set;
    const shown = shownOnAws();
    await makeAccount();
    const etcdBefore = await dumpEtcd(etcd);
    const calicoBefore = await dumpKubernetes(kubernetes.api, CALICO);
    const added = await run(
      ...["clusters", "add", "prod", "--kubeconfig", kubernetes.kubeconfig],
      ...["--service-account", "calico-migrator", "--etcd-endpoints", etcd.endpoint],
    );
    assert.equal(added.code, 0, added.stderr);
    assertPrinted(textOf(added), shown.get("clusters") ?? []);
    assert.doesNotMatch(added.stdout + added.stderr, /client-key-data: \S|token: \S/);
    assert.match(await ok("clusters"), /prod/);

    const plan = await planned("--manifest", manifestOf("kubernetes"));
    let last = await run("start", "--plan", plan, "--yes", "--stop-before", "unlock");
    let untilUnlock = "";
    let stopped = 0;
    for (let asked = 0; last.code === 4 && asked < 4; asked++) {
      if (stopped === 0) untilUnlock += textOf(last);
      if (/next: .* approve \S+ unlock /.test(last.stderr)) {
        stopped++;
        await refusesToUnlock();
      } else assert.match(last.stderr, /next: .* approve \S+ [a-z-]+@[0-9a-f]{12} /);
      last = await run("approve", "--yes");
    }
    assert.deepEqual([last.code, stopped], [0, 1], last.stderr);
    // The plan has kept the manifest, and said so.
    const started = (shown.get("start") ?? []).filter((line) => !line.startsWith("--manifest:"));
    assertPrinted(untilUnlock, started);
    assertPrinted(textOf(last), shown.get("approve") ?? []);
    const [runId = ""] = (await ok("get", "-o", "name")).trim().split("\n");
    const described = await ok("describe", runId);
    assert.match(described, /Succeeded/);
    assert.match(described, new RegExp(`Plan: +${plan}\n`));

    const back = await run("rollback", runId, "--yes");
    assert.equal(back.code, 0, back.stderr);
    assertPrinted(textOf(back), shown.get("rollback") ?? []);
    assert.match(await ok("get", runId), /RolledBack/);
    assert.deepEqual(etcdBefore.changesUntil(await dumpEtcd(etcd)), []);
    assert.deepEqual(calicoBefore.changesUntil(await dumpKubernetes(kubernetes.api, CALICO)), []);
  });

  test("refuses what cannot be done there, and says what to do instead", async () => {
    const checks = await run("preflight", "etcd-to-kubernetes", "--cluster", "prod");
    assert.equal(checks.code, 2);
    assert.match(checks.stderr, /NOT_ON_AWS/);

    const plan = await run("start", "--plan", "0123456789ab");
    assert.equal(plan.code, 2);
    assert.match(plan.stderr, /PLAN_UNKNOWN/);

    const unknown = await run("start", "etcd-to-kubernetes", "--cluster", "nowhere");
    assert.notEqual(unknown.code, 0);
    assert.match(unknown.stderr, /CLUSTER_NOT_FOUND/);
  });
});
