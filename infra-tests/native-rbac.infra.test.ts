import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { rbacObjects, yamlOf } from "../cli/rbac.ts";
import type { JsonObject } from "../shared/json.ts";
import { type AccessRule, checkAccess } from "../shared/kubernetes/access.ts";
import { connectKubernetes } from "../shared/kubernetes/connection.ts";
import { objectsAt, textAt } from "../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "./harness/api.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { waitUntil } from "./harness/wait.ts";
import { ACCOUNT, writeAccountKubeconfig } from "./rig/account.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { dumpGroups } from "./rig/native/dump.ts";
import type { Dependant } from "./rig/native/owners.ts";
import { openEngine, startNativeRun, type TestEngine } from "./rig/runs.ts";

/** As on OpenShift: who changes owner references needs rights on the object and on its owners. */
const ENFORCED_OWNERS = "--enable-admission-plugins=OwnerReferencesPermissionEnforcement";
const CLUSTER_ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles";

/** What the account may not list, because it need not. */
const UNREAD = "unread-dependants";

describe("a service account with exactly the rights that are printed for apiserver-to-crds", () => {
  let bed: NativeBed;
  let kubeconfig: string;
  let printed: JsonObject[];
  const folder = temporaryFolder("native-rbac");

  before(async () => {
    bed = await startNativeBed({ resources: 60, nodes: 1, apiServerArgs: [ENFORCED_OWNERS] });
    const request = { migration: "apiserver-to-crds", ...ACCOUNT, crds: bed.manifestFile };
    const rights = { dependants: ["configmaps"], enforcedOwners: true };
    printed = await rbacObjects({ cwd: folder }, { ...request, ...rights });
    const file = join(folder, "rbac.yaml");
    writeFileSync(file, yamlOf(printed));
    await bed.kubernetes.kubectl(["apply", "-f", file]);
    kubeconfig = join(folder, "account.kubeconfig");
    await writeAccountKubeconfig(kubeconfig, bed.api);
  });
  after(async () => {
    await bed.stop();
    removeFolder(folder);
  });

  async function withEngine<T>(act: (rig: TestEngine) => Promise<T>): Promise<T> {
    const rig = openEngine(join(folder, "store.db"), { kubeconfig });
    try {
      return await act(rig);
    } finally {
      rig.close();
    }
  }

  async function denied(rules: readonly AccessRule[]): Promise<AccessRule[]> {
    const client = await connectKubernetes({ kubeconfig, userAgent: "calico-migrator-test" });
    try {
      return await checkAccess(client, rules);
    } finally {
      await client.close();
    }
  }

  test("may do nothing beside", async () => {
    const crds = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };
    const beyond: AccessRule[] = [
      { group: "", resource: "secrets", verb: "get" },
      { group: "", resource: "secrets", verb: "list", namespace: "kube-system" },
      { group: "", resource: "configmaps", verb: "create" },
      { group: "", resource: "pods", verb: "create", namespace: "kube-system" },
      { group: "", resource: "nodes", verb: "patch" },
      { group: "apps", resource: "daemonsets", verb: "patch", namespace: "kube-system", name: "kube-proxy" },
      { group: "apps", resource: "deployments", verb: "delete", namespace: "shop", name: "shop" },
      { ...crds, verb: "delete", name: "widgets.example.org" },
      { ...crds, verb: "patch", name: "tiers.crd.projectcalico.org" },
      { group: "apiregistration.k8s.io", resource: "apiservices", verb: "delete", name: "v1.apps" },
      { group: "crd.projectcalico.org", resource: "ippools", verb: "delete" },
      { group: "crd.projectcalico.org", resource: "clusterinformations", verb: "update", name: "other" },
      { group: "projectcalico.org", resource: "ippools", verb: "deletecollection" },
      { group: "migration.projectcalico.org", resource: "datastoremigrations", verb: "create" },
      { group: "rbac.authorization.k8s.io", resource: "clusterroles", verb: "update" },
    ];
    assert.equal((await denied(beyond)).length, beyond.length);
  });

  test("is stopped by the preflight where a right is missing, for what was found as well", async () => {
    const role = printed.find(({ kind }) => kind === "ClusterRole") ?? {};
    const path = `${CLUSTER_ROLES}/${textAt(role, "metadata", "name")}`;
    const rest = objectsAt(role, "rules").filter((rule) => !JSON.stringify(rule).includes('"configmaps"'));
    const before = await dumpGroups(bed.api);
    await mustRequest(bed.api, "PUT", path, { ...role, rules: withoutPatch(role, rest) });
    const patch = { group: "", resource: "configmaps", verb: "patch" };
    await told("the right is gone", async () => (await denied([patch])).length === 1);
    await withEngine(async (rig) => {
      const run = await rig.drive(await startNativeRun(rig, { crds: bed.manifestFile }));
      assert.equal(run.failure?.code, "PREFLIGHT_FAILED", JSON.stringify(run));
      assert.match(run.failure.message, /access: 2 rights are missing.*patch configmaps/);
    });
    await mustRequest(bed.api, "PUT", path, role);
    await told("the right is back", async () => (await denied([patch])).length === 0);
    const now = await dumpGroups(bed.api);
    assert.deepEqual(before.old.changesUntil(now.old), []);
    assert.deepEqual(before.native.changesUntil(now.native), []);
  });

  test("goes through an abort right before the unlock", async () => {
    const before = await dumpGroups(bed.api);
    await withEngine(async (rig) => {
      const request = { stopBefore: "unlock", approvals: [UNREAD] };
      const runId = await startNativeRun(rig, { crds: bed.manifestFile, quietMs: 200 }, request);
      const waiting = await rig.drive(runId);
      assert.equal(waiting.waiting?.subject, "unlock", JSON.stringify([waiting.stage, waiting.failure]));
      await rig.engine.undo(runId, "abort");
      const run = await rig.drive(runId);
      assert.equal(run.state, "Aborted", JSON.stringify([run.stage, run.failure, run.waiting]));
    });
    const now = await dumpGroups(bed.api);
    assert.deepEqual(before.old.changesUntil(now.old), []);
    assert.deepEqual(before.native.changesUntil(now.native), []);
  });

  test("goes through the way back after the rollout, and then through a whole migration", async () => {
    await withEngine(async (rig) => {
      const options = { crds: bed.manifestFile, quietMs: 200 };
      const runId = await startNativeRun(rig, options, { approvals: ["unlock", UNREAD] });
      const waiting = await rig.drive(runId);
      assert.equal(waiting.waiting?.subject, "cleanup", JSON.stringify([waiting.stage, waiting.failure]));
      await rig.engine.undo(runId, "rollback");
      const undone = await rig.drive(runId);
      assert.equal(
        undone.state,
        "RolledBack",
        JSON.stringify([undone.stage, undone.failure, undone.waiting]),
      );
      const asking = await startNativeRun(rig, options);
      assert.equal((await rig.drive(asking)).waiting?.subject, UNREAD);
      await rig.engine.approve(asking, "test");
      const run = await rig.drive(asking);
      assert.equal(run.state, "Succeeded", JSON.stringify([run.stage, run.failure, run.waiting]));
    });
    for (const dependant of bed.dependants) assert.ok(await hasItsOwner(bed.api, dependant), dependant.name);
  });
});

/** The rules with that of ConfigMaps, but for its verb `patch`. */
function withoutPatch(role: JsonObject, rest: readonly JsonObject[]): JsonObject[] {
  const own = objectsAt(role, "rules").filter((rule) => !rest.includes(rule));
  return [...rest, ...own.map((rule) => ({ ...rule, verbs: ["list", "get"] }))];
}

/** The authoriser learns of changed roles a moment later. */
async function told(what: string, holds: () => Promise<boolean>): Promise<void> {
  await waitUntil({ what, timeoutMs: 60_000 }, holds);
}

/** True when the ConfigMap names the native object that it belongs to. */
async function hasItsOwner(api: TestApi, { namespace, name, owner }: Dependant): Promise<boolean> {
  const native = await mustRequest(api, "GET", `/apis/projectcalico.org/v3/${owner.plural}/${owner.name}`);
  const uid = textAt(native, "metadata", "uid");
  const object = await mustRequest(api, "GET", `/api/v1/namespaces/${namespace}/configmaps/${name}`);
  return objectsAt(object, "metadata", "ownerReferences").some((reference) => reference["uid"] === uid);
}
