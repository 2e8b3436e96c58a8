import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { KINDS } from "../../shared/calico/kinds.ts";
import { seedCalico, type SeedOptions } from "./seed.ts";
import { EDGE_CASES } from "./seed/edges.ts";

const RESOURCES = "/calico/resources/v3/projectcalico.org/";
const entriesOf = (options: SeedOptions) =>
  new Map([...seedCalico(options).entries()].map((e) => [e.key, e.value]));
const under = (entries: ReadonlyMap<string, string>, prefix: string) =>
  [...entries].filter(([key]) => key.startsWith(prefix));

function hashOf(options: SeedOptions): string {
  const hash = createHash("sha256");
  for (const entry of seedCalico(options).entries()) hash.update(JSON.stringify(entry));
  return hash.digest("hex");
}

test("the same options make the same datastore, others another", () => {
  assert.equal(hashOf({ resources: 400, edges: true }), hashOf({ resources: 400, edges: true }));
  assert.notEqual(hashOf({ resources: 400 }), hashOf({ resources: 401 }));
});

test("there are exactly as many carried resources as asked for, each under a key of its own", () => {
  const notCarried =
    /\/(profiles|workloadendpoints)\/|\/knp\.default\.|^\/calico\/(felix|compaction)|v2\/host\/[^/]+$/;
  for (const resources of [150, 333, 2_000, 10_000]) {
    const entries = [...seedCalico({ resources }).entries()];
    assert.equal(new Set(entries.map(({ key }) => key)).size, entries.length);
    assert.equal(entries.filter(({ key }) => !notCarried.test(key)).length, resources);
    assert.equal(seedCalico({ resources }).resources, resources);
  }
});

test("every kind that etcd holds occurs even in the smallest seed", () => {
  const entries = entriesOf({ resources: 1 });
  for (const { kind, plural, etcd } of KINDS) {
    if (etcd === "resources" && kind !== "LiveMigration") {
      assert.ok(under(entries, `${RESOURCES}${plural}/`).length > 0, kind);
    }
  }
  for (const part of ["config", "assignment/ipv4", "assignment/ipv6", "host/", "virtual/", "handle/"]) {
    assert.ok(under(entries, `/calico/ipam/v2/${part}`).length > 0, part);
  }
});

interface Block {
  cidr: string;
  affinity: string | null;
  allocations: (number | null)[];
  unallocated: number[];
  attributes: { handle_id: string; secondary: { node?: string } }[];
}

test("IPAM agrees with itself: blocks, handles, affinities and nodes", () => {
  const entries = entriesOf({ resources: 1_000 });
  const nodes = new Set(under(entries, `${RESOURCES}nodes/`).map(([key]) => key.slice(RESOURCES.length + 6)));
  const held = new Map<string, Record<string, number>>();
  let affinities = 0;
  for (const [key, value] of under(entries, "/calico/ipam/v2/assignment/")) {
    const block = JSON.parse(value) as Block;
    const path = key.slice("/calico/ipam/v2/assignment/".length);
    if (block.affinity !== null) {
      affinities++;
      assert.ok(entries.has(`/calico/ipam/v2/${block.affinity.replace(":", "/")}/${path}`), block.affinity);
    }
    const used = block.allocations.flatMap((attribute, ordinal) => (attribute === null ? [] : [ordinal]));
    assert.deepEqual([...used, ...block.unallocated], [...Array(64).keys()]);
    for (const { handle_id: handle, secondary } of block.attributes) {
      held.set(handle, { ...held.get(handle), [block.cidr]: 1 });
      assert.ok(secondary.node === undefined || nodes.has(secondary.node), secondary.node);
    }
  }
  const handles = under(entries, "/calico/ipam/v2/handle/").map(
    ([key, value]) => [key.slice("/calico/ipam/v2/handle/".length), JSON.parse(value) as object] as const,
  );
  assert.deepEqual(
    new Map(handles),
    new Map([...held].map(([handle, block]) => [handle, { block, deleted: false }])),
  );
  assert.equal(
    under(entries, "/calico/ipam/v2/").filter(([key]) => /(host|virtual)\/.*\/block/.test(key)).length,
    affinities,
  );
});

test("one node in ten has another name in Kubernetes, and namespaces are those that policies live in", () => {
  const seed = seedCalico({ resources: 2_000, nodes: 50, namespaces: 7 });
  const renamed = seed.kubernetesNodes.filter((name) => !name.startsWith("node-"));
  assert.deepEqual([seed.kubernetesNodes.length, renamed.length], [50, 5]);
  const used = [...seed.entries()]
    .map(({ key }) => /org\/(?:staged\w*|network\w+)\/([^/]+)\//.exec(key)?.[1])
    .filter((namespace) => namespace !== undefined);
  assert.deepEqual([...new Set(used)].sort(), [...seed.namespaces].sort());
});

test("each edge case changes something, and all of them together are what `true` means", () => {
  const plain = entriesOf({ resources: 150 });
  for (const edge of EDGE_CASES) {
    const changed = [...entriesOf({ resources: 150, edges: [edge] })].filter(
      ([key, value]) => plain.get(key) !== value,
    );
    assert.ok(changed.length > 0, edge);
  }
  assert.equal(hashOf({ resources: 150, edges: true }), hashOf({ resources: 150, edges: EDGE_CASES }));
});

test("peers can be had without filters, which calicoctl cannot import", () => {
  const peers = (peerFilters: boolean) =>
    under(entriesOf({ resources: 150, peerFilters }), `${RESOURCES}bgppeers/`);
  assert.ok(peers(true).some(([, value]) => value.includes('"filters"')));
  assert.ok(!peers(false).some(([, value]) => value.includes('"filters"')));
});
