import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { JsonObject } from "../shared/json.ts";
import { objectAt, objectsAt, textAt } from "../shared/kubernetes/fields.ts";
import { resourcePath } from "../shared/kubernetes/paths.ts";
import { differencesOf, untypedPolicies } from "./bench/crds/differences.ts";
import { heldObject, readHeld } from "./bench/crds/held.ts";
import { mustRequest } from "./harness/api.ts";
import { installCrds } from "./harness/crds.ts";
import { type KubernetesHandle, startKubernetes } from "./harness/kubernetes.ts";
import { inParallel } from "./harness/parallel.ts";
import { Snapshot } from "./harness/snapshot.ts";
import { convertedFromDump } from "./rig/native/converted.ts";
import { dumpGroups, withoutOwnerUids } from "./rig/native/dump.ts";

// What upstream's controller makes of the same objects is held in a file, as it takes a binary to make it again:
// CALICO_KUBE_CONTROLLERS=/path/to/kube-controllers node infra-tests/bench/crds/hold.ts

/** The lock's, which is written apart from all others. */
const LOCK = "/clusterinformations/";

describe("native objects beside those of upstream's controller", () => {
  const held = readHeld();
  const old = [...held.old.entries].filter(([id]) => !id.includes(LOCK)).map(([, text]) => heldObject(text));
  let kubernetes: KubernetesHandle;

  before(async () => {
    kubernetes = await startKubernetes({ local: true });
    await installCrds(kubernetes, "projectcalico.org/v3");
    await createNamespaces(kubernetes, old);
  });
  after(() => kubernetes.stop());

  test("of the same old group, they differ only in what has a reason", async () => {
    await inParallel(old, 8, (v1) => createNative(kubernetes, v1));
    const { native } = await dumpGroups(kubernetes.api);
    const upstream = new Snapshot([...held.native.entries].filter(([id]) => !id.includes(LOCK)));
    const { objects, explained, unexplained } = differencesOf(
      upstream,
      withoutOwnerUids(native),
      untypedPolicies(held.old),
    );
    assert.deepEqual(unexplained, []);
    assert.equal(objects, old.length);
    assert.ok(explained.has("released-at"), "the held objects have what upstream is known to lose");
  });
});

async function createNamespaces({ api }: KubernetesHandle, objects: readonly JsonObject[]): Promise<void> {
  const namespaces = new Set(objects.map((object) => textAt(object, "metadata", "namespace")));
  for (const name of namespaces) {
    if (name === "") continue;
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
    await mustRequest(api, "POST", "/api/v1/namespaces", namespace, { accepted: [409] });
  }
}

async function createNative({ api }: KubernetesHandle, v1: JsonObject): Promise<void> {
  const native = convertedFromDump(v1);
  const { name: _name, ...collection } = native.target;
  // Owners keep the UIDs of the old group here: nobody collects garbage, and UIDs are not compared.
  const metadata = objectAt(native.object, "metadata");
  const ownerReferences = [...objectsAt(metadata, "ownerReferences"), ...native.calicoOwners];
  const object = { ...native.object, metadata: { ...metadata, ownerReferences } };
  await mustRequest(api, "POST", resourcePath(collection), object);
}
