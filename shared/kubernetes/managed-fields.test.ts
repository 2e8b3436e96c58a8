import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { foreignOwners, managersOf, runFieldManager } from "./managed-fields.ts";

function managed(
  managers: string[],
  marks: { labels?: JsonObject; annotations?: JsonObject } = {},
): JsonObject {
  const managedFields = managers.map((manager) => ({
    manager,
    operation: "Update",
    time: "2026-01-02T03:04:05Z",
    fieldsV1: { "f:spec": {} },
  }));
  return { metadata: { managedFields, ...marks } };
}

function tools(object: JsonObject): string[] {
  return foreignOwners(object).map(({ tool }) => tool);
}

suite("managed fields", () => {
  test("managers are listed as recorded, and nothing is made of objects without any", () => {
    const [first] = managersOf(managed(["kubectl-edit"]));
    assert.deepEqual(first, {
      manager: "kubectl-edit",
      operation: "Update",
      time: "2026-01-02T03:04:05Z",
      subresource: "",
    });
    assert.deepEqual(managersOf({ metadata: { managedFields: "?" } }), []);
    assert.deepEqual(foreignOwners({}), []);
  });

  test("each tool is known by its field manager", () => {
    const known: [string, string][] = [
      ["argocd-controller", "argocd"],
      ["argocd-application-controller", "argocd"],
      ["kustomize-controller", "flux"],
      ["helm-controller", "flux"],
      ["helm", "helm"],
      ["fleetagent", "fleet"],
      ["fleet-agent", "fleet"],
      ["kubectl-client-side-apply", "kubectl"],
      ["kubectl", "kubectl"],
      ["addon-manager", "addon-manager"],
      ["operator", "tigera-operator"],
    ];
    for (const [manager, tool] of known) assert.deepEqual(tools(managed([manager])), [tool], manager);
    assert.deepEqual(tools(managed(["kube-controller-manager", "calico-node", "my-helm-chart-tool"])), []);
  });

  test("labels and annotations tell as well, each tool once", () => {
    const labels = { "app.kubernetes.io/managed-by": "Helm", "addonmanager.kubernetes.io/mode": "Reconcile" };
    const annotations = { "meta.helm.sh/release-name": "calico", "argocd.argoproj.io/tracking-id": "x" };
    assert.deepEqual(tools(managed(["helm"], { labels, annotations })).sort(), [
      "addon-manager",
      "argocd",
      "helm",
    ]);
    assert.deepEqual(tools(managed([], { labels: { "app.kubernetes.io/managed-by": "tigera" } })), []);
  });

  test("only what reconciles is said to revert changes", () => {
    const owners = foreignOwners(managed(["kubectl", "argocd-controller", "helm", "kustomize-controller"]));
    const reverting = owners.filter(({ reverts }) => reverts).map(({ tool }) => tool);
    assert.deepEqual(reverting, ["argocd", "flux"]);
    assert.equal(owners[1]?.evidence, "field manager argocd-controller");
  });

  test("runs are told apart by their field managers", () => {
    const owners = foreignOwners(managed([runFieldManager("r1"), runFieldManager("r2")]));
    assert.deepEqual(
      owners.map(({ tool, evidence }) => [tool, evidence.endsWith("r1") || evidence.endsWith("r2")]),
      [
        ["run", true],
        ["run", true],
      ],
    );
  });
});
