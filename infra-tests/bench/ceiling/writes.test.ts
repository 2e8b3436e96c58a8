import assert from "node:assert/strict";
import { test } from "node:test";
import { seedCalico } from "../../harness/seed.ts";
import { carriedOf, writesOf } from "./writes.ts";

const seed = seedCalico({ resources: 300 });

test("everything that is carried is written once, but for what belongs to the lock", () => {
  const writes = writesOf(seed.entries()).flat();
  const locked = carriedOf([...seed.entries()]).filter(({ rank }) => rank === 0);
  assert.deepEqual(
    locked.map(({ kind }) => kind),
    ["ClusterInformation"],
  );
  assert.equal(writes.length, seed.resources - locked.length);
});

test("tiers come before policies, and IPAM last", () => {
  const plurals = writesOf(seed.entries()).map(
    (rank) => new Set(rank.map(({ path }) => path.replace(/\/status$/, "").split("/")).map(pluralOf)),
  );
  assert.deepEqual(
    ["tiers", "networkpolicies", "ipamblocks"].map((plural) => plurals.findIndex((set) => set.has(plural))),
    [0, 1, 2],
  );
});

test("nodes get annotations under their Kubernetes names; all others are created in their collection", () => {
  const writes = writesOf(seed.entries()).flat();
  const patches = writes.filter(({ method }) => method === "PATCH");
  assert.deepEqual(
    patches.map(({ path }) => path).sort(),
    seed.kubernetesNodes.map((name) => `/api/v1/nodes/${name}/status`).sort(),
  );
  const policy = writes.find(({ path }) => path.endsWith("/networkpolicies"));
  assert.match(
    policy?.path ?? "",
    /^\/apis\/crd\.projectcalico\.org\/v1\/namespaces\/[^/]+\/networkpolicies$/,
  );
  assert.equal(policy?.body["kind"], "NetworkPolicy");
});

/** The plural in a path of a collection, or of a node. */
function pluralOf(segments: readonly string[]): string {
  return (segments[3] === "nodes" ? segments[3] : segments.at(-1)) ?? "";
}
