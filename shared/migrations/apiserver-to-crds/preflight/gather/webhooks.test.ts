import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../../../json.ts";
import { startFakeCluster } from "../testing/fake-cluster.ts";
import { gatherWebhooks } from "./webhooks.ts";

const hooks = { apiVersion: "admissionregistration.k8s.io/v1", plural: "validatingwebhookconfigurations" };

suite("gathering webhooks", () => {
  const rule = {
    apiGroups: ["projectcalico.org"],
    apiVersions: ["v3"],
    operations: ["CREATE"],
    resources: ["tiers"],
  };
  const service = { namespace: "kube-system", name: "hooks" };
  const hook = (rest: JsonObject) => ({
    name: "a.example.org",
    clientConfig: { service },
    rules: [rule],
    ...rest,
  });

  for (const [what, webhook, expected] of [
    ["of the group", hook({}), { failsClosed: true, reachable: false, guardsClusterInformation: false }],
    ["that may fail", hook({ failurePolicy: "Ignore" }), { failsClosed: false }],
    ["at a URL", hook({ clientConfig: { url: "https://hooks" } }), { reachable: true, service: undefined }],
    [
      "of everything",
      hook({ rules: [{ ...rule, apiGroups: ["*"], resources: ["*/*"] }] }),
      { failsClosed: true },
    ],
    [
      "of ClusterInformation",
      hook({ rules: [{ ...rule, resources: ["clusterinformations"] }] }),
      { guardsClusterInformation: true },
    ],
    [
      "of everything, ClusterInformation among it",
      hook({ rules: [{ ...rule, resources: ["*"] }] }),
      { guardsClusterInformation: false },
    ],
    ["of another group", hook({ rules: [{ ...rule, apiGroups: ["apps"] }] }), undefined],
    ["of reads", hook({ rules: [{ ...rule, operations: ["CONNECT"] }] }), undefined],
    ["of other resources", hook({ rules: [{ ...rule, resources: ["pods"] }] }), undefined],
    [
      "of another version",
      hook({ rules: [{ ...rule, apiVersions: ["v1"] }], matchPolicy: "Exact" }),
      undefined,
    ],
    ["of another version, and its equivalents", hook({ rules: [{ ...rule, apiVersions: ["v1"] }] }), {}],
  ] as const) {
    test(`${expected === undefined ? "leaves out" : "knows"} one ${what}`, async (t) => {
      const cluster = await startFakeCluster(t);
      await cluster.put(hooks, { metadata: { name: "hooks" }, webhooks: [webhook] });

      const [found] = await gatherWebhooks(cluster);

      if (expected === undefined) assert.equal(found, undefined);
      else assert.partialDeepStrictEqual(found, { configuration: "hooks", ...expected });
    });
  }

  test("sees that the service is there", async (t) => {
    const cluster = await startFakeCluster(t);
    await cluster.put(hooks, { metadata: { name: "hooks" }, webhooks: [hook({})] });
    await cluster.put(
      { apiVersion: "v1", plural: "services", namespace: "kube-system" },
      { metadata: service },
    );

    const [found] = await gatherWebhooks(cluster);

    assert.equal(found?.reachable, true);
    assert.equal(found.service, "kube-system/hooks");
  });
});
