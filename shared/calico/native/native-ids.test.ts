import assert from "node:assert/strict";
import { test } from "node:test";
import { nativeId, v1Id } from "./native-ids.ts";

test("ids are paths of the group, by either name of a kind", () => {
  assert.equal(
    v1Id("NetworkPolicy", "shop", "default.web"),
    "crd.projectcalico.org/v1/networkpolicies/shop/default.web",
  );
  assert.equal(nativeId("NetworkPolicy", "shop", "web"), "projectcalico.org/v3/networkpolicies/shop/web");
  assert.equal(
    v1Id("IPAMConfiguration", undefined, "default"),
    "crd.projectcalico.org/v1/ipamconfigs/default",
  );
  assert.equal(
    nativeId("IPAMConfig", undefined, "default"),
    "projectcalico.org/v3/ipamconfigurations/default",
  );
});

test("namespaces keep names apart", () => {
  assert.notEqual(nativeId("NetworkSet", "a", "x"), nativeId("NetworkSet", "b", "x"));
});

test("what is no kind of Calico has no id", () => {
  assert.throws(() => nativeId("ConfigMap", "a", "x"), { code: "KIND_UNKNOWN" });
});
