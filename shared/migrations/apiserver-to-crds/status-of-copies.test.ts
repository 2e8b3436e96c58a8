import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { mismatches } from "./testing/oracle.ts";
import { runBefore, wholeWorld } from "./testing/whole.ts";

/** Calico 3.32's own native definition of CalicoNodeStatus has no such subresource; later ones have. */
function withoutStatus(crd: JsonObject): JsonObject {
  const { spec } = crd as { spec: { versions: JsonObject[] } };
  const versions = spec.versions.map((version) => ({ ...version, subresources: {} }));
  return { ...crd, spec: { ...spec, versions } };
}

test("a status is copied with its object where the native definition has no subresource for it", async () => {
  using world = await wholeWorld();
  world.manifest = world.manifest.map((crd) =>
    textAt(crd, "spec", "names", "kind") === "CalicoNodeStatus" ? withoutStatus(crd) : crd,
  );
  await runBefore(world, world.worker(), "cleanup");
  assert.deepEqual(await mismatches(world.cluster), []);
  const copies = Object.entries(world.cluster.dump()).filter(([id]) =>
    id.startsWith("projectcalico.org/v3/caliconodestatuses/"),
  );
  assert.ok(
    copies.some(([, text]) => text.includes('"status":{')),
    JSON.stringify(copies),
  );
});
