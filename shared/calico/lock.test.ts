import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { forward } from "./forward.ts";
import { LOCK_ANNOTATION, lockedClusterInformation, readLock, unlockedClusterInformation } from "./lock.ts";
import { V1, V3, resourceKey } from "./testing/samples.ts";

const METADATA =
  '"metadata":{"name":"default","uid":"0c9b4d0e-7a51-4c2f-9d4e-2b1a6f0e8c11","creationTimestamp":"2024-05-06T07:08:09Z"}';
const TEXT = `{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3",${METADATA},"spec":{"clusterGUID":"a\\u003cb","calicoVersion":"v3.30.1","datastoreReady":true}}`;

describe("in etcd", () => {
  test("a lock says not ready and whose it is", () => {
    const locked = lockedClusterInformation(TEXT, "run-1");
    assert.deepEqual(readLock(locked), { ready: false, lockedBy: "run-1" });
    assert.deepEqual(readLock(TEXT), { ready: true });
  });

  test("unlocking gives every byte back", () => {
    assert.equal(unlockedClusterInformation(lockedClusterInformation(TEXT, "run-1")), TEXT);
  });

  test("annotations of others, and the bytes of other members, stay", () => {
    const annotated = TEXT.replace('"name":"default",', '"name":"default","annotations":{"note":"\\u0026"},');
    const locked = lockedClusterInformation(annotated, 'run "2"');
    assert.equal(readLock(locked).lockedBy, 'run "2"');
    assert.ok(locked.includes('{"note":"\\u0026","calico-migrator.io/locked-by":"run \\"2\\""}'), locked);
    assert.equal(unlockedClusterInformation(locked), annotated);
  });

  test("locking twice is locking once, by the last run", () => {
    const once = lockedClusterInformation(TEXT, "run-1");
    assert.equal(lockedClusterInformation(once, "run-1"), once);
    assert.equal(readLock(lockedClusterInformation(once, "run-2")).lockedBy, "run-2");
  });

  test("missing members are made", () => {
    assert.deepEqual(JSON.parse(lockedClusterInformation("{}", "r")), {
      spec: { datastoreReady: false },
      metadata: { annotations: { [LOCK_ANNOTATION]: "r" } },
    });
    assert.deepEqual(readLock("{}"), { ready: undefined });
  });

  for (const text of ["", "[]", "{", "null"]) {
    test(`"${text}" is refused`, () => {
      assert.throws(() => lockedClusterInformation(text, "r"), { code: "CLUSTER_INFORMATION_INVALID" });
      assert.throws(() => readLock(text), { code: "CLUSTER_INFORMATION_INVALID" });
    });
  }
});

for (const context of [V1, V3]) {
  test(`in ${context.targetGroup} the object is locked and unlocked without touching the given one`, () => {
    const result = forward(resourceKey("clusterinformations", "default"), TEXT, context);
    assert.ok(result.outcome === "carry");
    const before = JSON.stringify(result.object);
    const locked = lockedClusterInformation(result.object, "run-1");
    assert.deepEqual(readLock(locked), { ready: false, lockedBy: "run-1" });
    assert.equal(JSON.stringify(result.object), before);
    assert.deepEqual(readLock(unlockedClusterInformation(locked)), { ready: true });
  });
}

test("the mark is found and removed where Calico has moved it, into its metadata annotation", () => {
  const inner = JSON.stringify({
    creationTimestamp: "2024-05-06T07:08:09Z",
    annotations: { [LOCK_ANNOTATION]: "run-1", note: "x" },
  });
  const object: JsonObject = {
    kind: "ClusterInformation",
    metadata: { name: "default", annotations: { "projectcalico.org/metadata": inner } },
    spec: { datastoreReady: false },
  };
  assert.deepEqual(readLock(object), { ready: false, lockedBy: "run-1" });
  const unlocked = unlockedClusterInformation(object) as unknown as {
    metadata: { annotations: Record<string, string> };
  };
  assert.deepEqual(JSON.parse(unlocked.metadata.annotations["projectcalico.org/metadata"] ?? ""), {
    creationTimestamp: "2024-05-06T07:08:09Z",
    annotations: { note: "x" },
  });
});
