import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeNames, kubernetesNodeName } from "./node-names.ts";

function node(name: string, ...kubernetesNames: string[]) {
  return { name, orchRefs: kubernetesNames.map((nodeName) => ({ nodeName, orchestrator: "k8s" })) };
}

test("names are translated both ways, and stay where there is no mapping", () => {
  const names = NodeNames.from([node("rack1", "node-1"), node("same", "same"), { name: "bare" }]);
  assert.equal(names.toKubernetes("rack1"), "node-1");
  assert.equal(names.toEtcd("node-1"), "rack1");
  assert.equal(names.toKubernetes("other"), "other");
  assert.equal(names.toEtcd("bare"), "bare");
  assert.deepEqual([names.isMapped("same"), names.isMapped("bare")], [true, false]);
});

test("nodes without a reference to Kubernetes are listed", () => {
  const names = NodeNames.from([
    node("a", "a"),
    { name: "bare" },
    { name: "vm", orchRefs: [{ nodeName: "vm", orchestrator: "openstack" }] },
    { name: "empty", orchRefs: [{ nodeName: "", orchestrator: "k8s" }] },
  ]);
  assert.deepEqual(names.unmapped, ["bare", "vm", "empty"]);
});

test("names that two nodes claim are listed, and lead back to the one of the same name", () => {
  const names = NodeNames.from([node("old", "node-1"), node("node-1", "node-1"), node("b", "b")]);
  assert.deepEqual(names.clashes, [{ kubernetesName: "node-1", etcdNames: ["old", "node-1"] }]);
  assert.equal(names.toEtcd("node-1"), "node-1");
});

test("of several references to Kubernetes the last one counts", () => {
  assert.equal(kubernetesNodeName(node("a", "x", "y").orchRefs), "y");
  assert.equal(kubernetesNodeName(undefined), undefined);
});

test("swapped names are reversible, a name taken by another node is not", () => {
  const swapped = NodeNames.from([node("a", "b"), node("b", "a")]);
  assert.ok(swapped.isReversible("a") && swapped.isReversible("b"));
  const moved = NodeNames.from([node("a", "b")]);
  assert.equal(moved.isReversible("b"), true);
  assert.equal(moved.isReversible("a"), false);
});
