import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Pool } from "undici";
import type { JsonObject } from "../shared/json.ts";
import { textAt } from "../shared/kubernetes/fields.ts";
import { mustRequest } from "./harness/api.ts";
import { waitUntil } from "./harness/wait.ts";
import { MigratingBed } from "./rig/native/migrating.ts";

const RBAC = "rbac.authorization.k8s.io/v1";
const GROUP = "projectcalico.org";
const V3 = `${GROUP}/v3`;
const POLICIES = "globalnetworkpolicies";
const REFUSED = /^403 .*tier \\*"?default/;
const ALL = ["get", "list", "watch", "create", "update", "patch", "delete"];

/** A team that may write policies of the tier `team` alone, and somebody who may write everything of Calico's. */
const ROLES = [
  ...role("team", "alice", [
    { apiGroups: [GROUP], resources: ["tiers"], resourceNames: ["team"], verbs: ["get"] },
    { apiGroups: [GROUP], resources: ["globalnetworkpolicies", "networkpolicies"], verbs: ALL },
    {
      apiGroups: [GROUP],
      resources: ["tier.globalnetworkpolicies", "tier.networkpolicies"],
      resourceNames: ["team.*"],
      verbs: ["*"],
    },
  ]),
  ...role("calico", "bob", [{ apiGroups: [GROUP], resources: ["*"], verbs: ["*"] }]),
];

function role(name: string, user: string, rules: JsonObject[]): JsonObject[] {
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name };
  const subjects = [{ kind: "User", name: user, apiGroup: "rbac.authorization.k8s.io" }];
  return [
    { apiVersion: RBAC, kind: "ClusterRole", metadata: { name }, rules },
    { apiVersion: RBAC, kind: "ClusterRoleBinding", metadata: { name }, roleRef, subjects },
  ];
}

function policy(name: string, tier: string): JsonObject {
  const spec = { tier, selector: "all()", types: ["Ingress"] };
  return { apiVersion: V3, kind: "GlobalNetworkPolicy", metadata: { name }, spec };
}

describe("rights by tier, which calico-apiserver enforces", () => {
  let migrating: MigratingBed;
  let pool: Pool;

  before(async () => {
    migrating = await MigratingBed.start({ resources: 100, nodes: 1 });
    const { api } = migrating.bed;
    pool = new Pool(api.server, { connect: { ca: api.ca } });
    const tier = { apiVersion: V3, kind: "Tier", metadata: { name: "team" }, spec: { order: 500 } };
    await mustRequest(api, "POST", `/apis/${V3}/tiers`, tier);
    for (const object of ROLES) {
      const plural = `${textAt(object, "kind").toLowerCase()}s`;
      await mustRequest(api, "POST", `/apis/${RBAC}/${plural}`, object);
    }
    await waitUntil({ what: "the roles count", timeoutMs: 120_000 }, async () => {
      return (await refusal("alice", "POST", policy("team.probe", "team"))) === "";
    });
  });
  after(async () => {
    await pool.destroy();
    await migrating.stop();
  });

  /** What the API server says against a write of a user; empty where it does as it is told. */
  async function refusal(
    user: string,
    method: string,
    object: JsonObject,
    plural = POLICIES,
  ): Promise<string> {
    const { server, token } = migrating.bed.api;
    const collection = `/apis/${V3}/${plural}`;
    const { name } = object["metadata"] as { name: string };
    const answer = await pool.request({
      method,
      path: method === "POST" ? collection : `${collection}/${name}`,
      headers: {
        ...{ authorization: `Bearer ${token}`, "impersonate-user": user, host: new URL(server).host },
        "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
      },
      ...(method === "DELETE" ? {} : { body: JSON.stringify(object) }),
    });
    const text = await answer.body.text();
    return answer.statusCode < 300 ? "" : `${answer.statusCode} ${text}`;
  }

  async function assertEnforced(when: string): Promise<void> {
    const mine = policy(`team.${when}`, "team");
    const theirs = policy(`default.${when}`, "default");
    const asAdmin = { ...theirs, metadata: { name: `of-all-${when}` } };
    await mustRequest(migrating.bed.api, "POST", `/apis/${V3}/globalnetworkpolicies`, asAdmin);
    assert.equal(await refusal("alice", "POST", mine), "");
    assert.match(await refusal("alice", "POST", theirs), REFUSED);
    assert.equal(await refusal("alice", "PATCH", mine), "");
    assert.match(await refusal("alice", "PATCH", asAdmin), REFUSED);
    assert.match(await refusal("alice", "DELETE", asAdmin), REFUSED);
    assert.equal(await refusal("alice", "DELETE", mine), "");
    assert.equal(await refusal("bob", "POST", theirs), "");
  }

  test("are enforced before a migration, and after it", async () => {
    await assertEnforced("before");
    await migrating.reaches(await migrating.startRun(), "Succeeded");
    await assertEnforced("after");
    // An update that moves a policy needs rights on both tiers.
    const moved = policy("team.probe", "default");
    assert.match(await refusal("alice", "PATCH", moved), REFUSED);
  });

  test("are so as that nobody but Calico writes ClusterInformation", async () => {
    const patch = { metadata: { name: "default", labels: { by: "test" } } };
    const as = (user: string): Promise<string> => refusal(user, "PATCH", patch, "clusterinformations");
    assert.match(await as("bob"), /^403 .*written by Calico alone/);
    await mustRequest(migrating.bed.api, "PATCH", `/apis/${V3}/clusterinformations/default`, patch, {
      contentType: "application/merge-patch+json",
    });
  });
});
