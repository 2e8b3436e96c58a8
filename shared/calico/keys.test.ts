import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KINDS } from "./kinds.ts";
import { type DataKey, type SourceKey, etcdKeyOf, etcdPrefixesOf, parseEtcdKey } from "./keys.ts";

const RESOURCES = "/calico/resources/v3/projectcalico.org";

test("every kind is found under its plural", () => {
  for (const { kind, plural, namespaced } of KINDS) {
    const expected: SourceKey = namespaced
      ? { type: "resource", kind, namespace: "shop", name: "web" }
      : { type: "resource", kind, name: "web" };
    assert.deepEqual(parseEtcdKey(`${RESOURCES}/${plural}/${namespaced ? "shop/" : ""}web`), expected);
  }
});

const DATA_KEYS: readonly (readonly [key: string, data: DataKey])[] = [
  [
    `${RESOURCES}/networkpolicies/shop/default.web`,
    { type: "resource", kind: "NetworkPolicy", namespace: "shop", name: "default.web" },
  ],
  [`${RESOURCES}/profiles/mine`, { type: "resource", kind: "Profile", name: "mine" }],
  ["/calico/ipam/v2/config", { type: "ipamConfig" }],
  ["/calico/ipam/v2/handle/k8s-pod-network.AB", { type: "handle", handleId: "k8s-pod-network.AB" }],
  ["/calico/ipam/v2/assignment/ipv4/block/10.64.0.0-26", { type: "block", cidr: "10.64.0.0/26" }],
  ["/calico/ipam/v2/assignment/ipv6/block/fd00:2::-122", { type: "block", cidr: "fd00:2::/122" }],
  [
    "/calico/ipam/v2/host/node-1/ipv4/block/10.64.0.0-26",
    { type: "blockAffinity", affinityType: "host", host: "node-1", cidr: "10.64.0.0/26" },
  ],
  [
    "/calico/ipam/v2/virtual/load-balancer/ipv6/block/fd00::-122",
    { type: "blockAffinity", affinityType: "virtual", host: "load-balancer", cidr: "fd00::/122" },
  ],
];

for (const [key, data] of DATA_KEYS) {
  test(`${key} is read, and written again`, () => {
    assert.deepEqual(parseEtcdKey(key), data);
    assert.equal(etcdKeyOf(data), key);
  });
}

test("a block's key with host bits set names the block", () => {
  assert.deepEqual(parseEtcdKey("/calico/ipam/v2/assignment/ipv4/block/10.64.0.7-26"), {
    type: "block",
    cidr: "10.64.0.0/26",
  });
});

const TYPES: readonly (readonly [type: SourceKey["type"], keys: readonly string[]])[] = [
  [
    "derived",
    [
      `${RESOURCES}/profiles/kns.shop`,
      `${RESOURCES}/profiles/ksa.shop.default`,
      `${RESOURCES}/profiles/projectcalico-default-allow`,
      `${RESOURCES}/networkpolicies/shop/knp.default.web`,
    ],
  ],
  [
    "housekeeping",
    [
      "/calico/ipam/v2/host/node-1",
      "/calico/felix/v1/host/node-1/endpoint/eth0",
      "/calico/felix/v2/no-region/host/node-1/status",
      "/calico/compaction/v1/trigger",
      "/calico/v1/Ready",
    ],
  ],
  [
    "unknown",
    [
      "",
      "/calico/",
      "/registry/pods/x",
      "/calico/openstack/v1/neutron_election",
      "/calico/v1/config/InterfacePrefix",
      `${RESOURCES}/`,
      `${RESOURCES}/widgets/a`,
      `${RESOURCES}/tiers`,
      `${RESOURCES}/tiers/`,
      `${RESOURCES}/tiers/shop/a`,
      `${RESOURCES}/networkpolicies/web`,
      `${RESOURCES}/networkpolicies//web`,
      "/calico/ipam/v2/config/x",
      "/calico/ipam/v2/handle/",
      "/calico/ipam/v2/handle/a/b",
      "/calico/ipam/v2/host/node-1/ipv4/block/10.64.0.0",
      "/calico/ipam/v2/host/node-1/ipv4/pool/10.64.0.0-26",
      "/calico/ipam/v2/virtual/load-balancer",
      "/calico/ipam/v2/assignment/ipv5/block/10.64.0.0-26",
      "/calico/ipam/v2/assignment/ipv4/block/10.64.0.0-99",
    ],
  ],
];

for (const [type, keys] of TYPES) {
  for (const key of keys) {
    test(`"${key}" is ${type}, with a reason`, () => {
      const parsed = parseEtcdKey(key);
      assert.equal(parsed.type, type);
      assert.ok("reason" in parsed && parsed.reason.length > 10);
    });
  }
}

test("the key of each kind that is carried begins with a prefix of its kind, and of no other", () => {
  const keys: readonly DataKey[] = [
    { type: "resource", kind: "NetworkPolicy", namespace: "a", name: "b" },
    { type: "resource", kind: "NetworkSet", namespace: "a", name: "b" },
    { type: "resource", kind: "Tier", name: "b" },
    { type: "ipamConfig" },
    { type: "block", cidr: "10.0.0.0/26" },
    { type: "blockAffinity", affinityType: "host", host: "n", cidr: "10.0.0.0/26" },
    { type: "blockAffinity", affinityType: "virtual", host: "n", cidr: "10.0.0.0/26" },
    { type: "handle", handleId: "h" },
  ];
  const carried = KINDS.filter(({ group }) => group !== "none").map(({ kind }) => kind);
  const kindsOf = (key: DataKey): string[] =>
    carried.filter((kind) => etcdPrefixesOf(kind).some((prefix) => etcdKeyOf(key).startsWith(prefix)));
  assert.deepEqual(keys.map(kindsOf), [
    ...[["NetworkPolicy"], ["NetworkSet"], ["Tier"], ["IPAMConfig"], ["IPAMBlock"]],
    ...[["BlockAffinity"], ["BlockAffinity"], ["IPAMHandle"]],
  ]);
});

test("a derived policy is one of Kubernetes, not one whose name begins alike", () => {
  assert.equal(parseEtcdKey(`${RESOURCES}/networkpolicies/shop/knp.mine`).type, "resource");
  assert.equal(parseEtcdKey(`${RESOURCES}/globalnetworkpolicies/knp.default.x`).type, "resource");
  assert.equal(parseEtcdKey(`${RESOURCES}/profiles/projectcalico-default-allow-2`).type, "resource");
});

const SEGMENT = fc.oneof(
  fc.string(),
  fc.constantFrom(
    "calico",
    "ipam",
    "v2",
    "host",
    "block",
    "ipv4",
    "10.0.0.0-26",
    "resources",
    "v3",
    "tiers",
    "",
  ),
);

test("every string gets an answer, and a data key that is written reads the same again", () => {
  const key = fc.oneof(
    fc.string(),
    fc.array(SEGMENT, { maxLength: 9 }).map((parts) => `/${parts.join("/")}`),
    fc.array(SEGMENT, { maxLength: 4 }).map((parts) => `${RESOURCES}/${parts.join("/")}`),
    fc.array(SEGMENT, { maxLength: 5 }).map((parts) => `/calico/ipam/v2/${parts.join("/")}`),
  );
  fc.assert(
    fc.property(key, (text) => {
      const parsed = parseEtcdKey(text);
      if ("reason" in parsed) return;
      assert.deepEqual(parseEtcdKey(etcdKeyOf(parsed)), parsed);
    }),
    { numRuns: 1000 },
  );
});

test("keys of other products and orchestrators say whose they are", () => {
  const reasonOf = (key: string): string => {
    const parsed = parseEtcdKey(key);
    assert.equal(parsed.type, "unknown", key);
    return "reason" in parsed ? parsed.reason : "";
  };
  assert.match(reasonOf("/calico/dhcp/v2/no-region/subnet/1"), /DHCP agent for OpenStack/);
  assert.match(reasonOf("/calico/openstack/v2/no-region/project/1"), /agents for OpenStack/);
  assert.match(reasonOf(`${RESOURCES}/licensekeys/default`), /Calico Enterprise/);
  assert.match(reasonOf(`${RESOURCES}/networks/default`), /Calico Enterprise/);
  assert.match(reasonOf(`${RESOURCES}/nothings/default`), /no kind of Calico/);
  assert.match(reasonOf("/calico/other"), /not a key that Calico reads/);
});
