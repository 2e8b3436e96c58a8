import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseExactJson } from "../exact-json.ts";
import type { JsonObject } from "../json.ts";
import { differences } from "./differences.ts";
import { forward } from "./forward.ts";
import { meaning, meaningHash, v3NameOf } from "./meaning.ts";
import { FULL_NODE, SAMPLES, V1, V3, resourceKey, storedText } from "./testing/samples.ts";

function forwarded(key: string, text: string, context = V1): JsonObject {
  const result = forward(key, text, context);
  assert.ok(result.outcome === "carry", JSON.stringify(result));
  return result.object;
}

/** An object as the API server gives it back. */
function stored(object: JsonObject): JsonObject {
  const copy = parseExactJson(JSON.stringify(object)) as JsonObject;
  copy.metadata = {
    ...(copy.metadata as JsonObject),
    uid: "6a3c1c5e-0000-4000-8000-000000000000",
    resourceVersion: "123",
    generation: 1,
    creationTimestamp: "2026-01-01T00:00:00Z",
    managedFields: [{ manager: "calico-migrator" }],
    selfLink: "/x",
  };
  return { ...copy, status: { conditions: [{ type: "Ready" }] } };
}

for (const context of [V1, V3]) {
  describe(`objects of ${context.targetGroup}`, () => {
    for (const sample of SAMPLES) {
      test(`${sample.key} means the same when it is read back`, () => {
        const written = forwarded(sample.key, storedText(sample), context);
        assert.equal(meaningHash(stored(written)), meaningHash(written));
        assert.deepEqual(differences(written, stored(written)), []);
      });
    }
  });
}

const POLICY: JsonObject = {
  apiVersion: "crd.projectcalico.org/v1",
  kind: "NetworkPolicy",
  metadata: {
    name: "web",
    namespace: "shop",
    annotations: { "projectcalico.org/metadata": '{"name":"web","labels":{"team":"web"}}' },
  },
  spec: { tier: "default", ingress: [{ action: "Allow" }] },
};

function withPolicy(change: (policy: JsonObject) => void): JsonObject {
  const copy = structuredClone(POLICY);
  change(copy);
  return copy;
}

describe("what an object means", () => {
  const same: readonly (readonly [name: string, object: JsonObject])[] = [
    [
      "members that are null",
      withPolicy((policy) => Object.assign(policy.spec as JsonObject, { selector: null })),
    ],
    [
      "a label that stands on the object and in the annotation",
      withPolicy((policy) => Object.assign(policy.metadata as JsonObject, { labels: { team: "web" } })),
    ],
    [
      "the mark of a lock",
      withPolicy((policy) =>
        Object.assign((policy.metadata as JsonObject).annotations as JsonObject, {
          "calico-migrator.io/locked-by": "r",
        }),
      ),
    ],
    [
      "the spelling of the annotation",
      withPolicy((policy) => {
        (policy.metadata as JsonObject).annotations = {
          "projectcalico.org/metadata": '{ "labels": {"team": "web"}, "creationTimestamp": null }',
        };
      }),
    ],
  ];
  for (const [name, object] of same) {
    test(`does not depend on ${name}`, () => {
      assert.deepEqual(meaning(object), meaning(POLICY));
    });
  }

  const other: readonly (readonly [path: string, object: JsonObject])[] = [
    [
      "spec.ingress[0].action",
      withPolicy((policy) => {
        (policy.spec as JsonObject).ingress = [{ action: "Deny" }];
      }),
    ],
    [
      "spec.order",
      withPolicy((policy) => {
        (policy.spec as JsonObject).order = 1;
      }),
    ],
    [
      "namespace",
      withPolicy((policy) => {
        (policy.metadata as JsonObject).namespace = "other";
      }),
    ],
    [
      "finalizers",
      withPolicy((policy) => {
        (policy.metadata as JsonObject).annotations = {
          "projectcalico.org/metadata": '{"name":"web","labels":{"team":"web"},"finalizers":["x"]}',
        };
      }),
    ],
    [
      "labels.team",
      withPolicy((policy) => {
        (policy.metadata as JsonObject).annotations = {
          "projectcalico.org/metadata": '{"name":"web","labels":{"team":"db"}}',
        };
      }),
    ],
    [
      'annotations["example.com/x"]',
      withPolicy((policy) => {
        (policy.metadata as JsonObject).annotations = {
          "projectcalico.org/metadata":
            '{"name":"web","labels":{"team":"web"},"annotations":{"example.com/x":"1"}}',
        };
      }),
    ],
  ];
  for (const [path, object] of other) {
    test(`depends on ${path}`, () => {
      assert.notEqual(meaningHash(object), meaningHash(POLICY));
      const [difference] = differences(POLICY, object);
      assert.ok(difference !== undefined && path.startsWith(difference.path), JSON.stringify(difference));
    });
  }
});

test("labels and annotations of an object without the metadata annotation are its own", () => {
  const metadata = { name: "a", labels: { team: "web" }, annotations: { note: "x" } };
  const { labels, annotations } = meaning({
    apiVersion: "crd.projectcalico.org/v1",
    kind: "NetworkSet",
    metadata,
  });
  assert.deepEqual([labels, annotations], [{ team: "web" }, { note: "x" }]);
});

test("the v3 name is the stored one, else the rule of policies, else the object's", () => {
  const named = (kind: string, name: string, stored?: string): string =>
    v3NameOf({
      kind,
      metadata: {
        name,
        annotations:
          stored === undefined ? {} : { "projectcalico.org/metadata": JSON.stringify({ name: stored }) },
      },
      spec: {},
    });
  assert.equal(named("NetworkPolicy", "default.web", "web"), "web");
  assert.equal(named("NetworkPolicy", "default.web"), "web");
  assert.equal(named("GlobalNetworkSet", "default.web"), "default.web");
  assert.equal(named("GlobalNetworkSet", "a", "b"), "a");
});

describe("nodes", () => {
  const written = forwarded(resourceKey("nodes", "rack1-a"), JSON.stringify(FULL_NODE));
  const bare = forwarded(resourceKey("nodes", "rack1-a"), '{"kind":"Node"}');

  test("mean their Calico annotations, whatever else they have and however the JSON is spelt", () => {
    const { annotations } = written.metadata as { annotations: JsonObject };
    const read = {
      ...stored(written),
      metadata: {
        name: "node-a.example",
        labels: { zone: "z1" },
        annotations: {
          ...annotations,
          "projectcalico.org/labels": '{"zone": "z1", "rr": "yes"}',
          "kubeadm.alpha.kubernetes.io/cri-socket": "x",
        },
      },
      spec: { podCIDR: "10.0.0.0/24" },
    };
    assert.deepEqual(differences(written, read), []);
  });

  test("an annotation that must be absent is one that is not there", () => {
    const read = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "node-a.example", annotations: { other: "x" } },
    };
    assert.equal(meaningHash(read), meaningHash(bare));
    const leftover = {
      ...read,
      metadata: { ...read.metadata, annotations: { "projectcalico.org/ASNumber": "1" } },
    };
    assert.deepEqual(
      differences(bare, leftover),
      [{ path: "annotations", target: '{"projectcalico.org/ASNumber":"1"}' }].map(() => ({
        path: 'annotations["projectcalico.org/ASNumber"]',
        target: '"1"',
      })),
    );
  });
});

test("long integers are compared digit by digit", () => {
  const sample = SAMPLES.find(({ kind }) => kind === "IPAMBlock");
  assert.ok(sample);
  const one = forwarded(sample.key, storedText(sample));
  const other = forwarded(
    sample.key,
    storedText(sample).replace("1732178291123456789", "1732178291123456790"),
  );
  assert.equal(meaningHash(one), meaningHash(parseExactJson(JSON.stringify(one)) as JsonObject));
  assert.notEqual(meaningHash(one), meaningHash(other));
});

describe("differences", () => {
  const set = (nets: string[]): JsonObject => ({
    apiVersion: "v",
    kind: "NetworkSet",
    metadata: {},
    spec: { nets },
  });

  test("are bounded in number", () => {
    const nets = Array.from({ length: 50 }, (_, index) => `10.0.${index}.0/24`);
    assert.equal(differences(set(nets), set(nets.map((net) => `${net}x`))).length, 20);
    assert.equal(differences(set(nets), set(nets.map((net) => `${net}x`)), { limit: 3 }).length, 3);
  });

  test("name what one side lacks, and are bounded in length", () => {
    const [difference] = differences(set(["a"]), set(["a", "x".repeat(1000)]));
    assert.equal(difference?.path, "spec.nets[1]");
    assert.equal(difference.source, undefined);
    assert.equal(difference.target?.length, 201);
  });
});
