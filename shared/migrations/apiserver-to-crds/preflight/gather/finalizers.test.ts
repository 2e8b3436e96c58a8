import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../../../json.ts";
import { type Held, noneHeld, tallyHeld } from "./finalizers.ts";

function tallied(...metadata: JsonObject[]): Held {
  const held = noneHeld();
  tallyHeld(
    held,
    "Tier",
    metadata.map((one) => ({ metadata: { name: "t", ...one } })),
  );
  return held;
}

function shown(metadata: JsonObject): JsonObject {
  return { annotations: { "projectcalico.org/metadata": JSON.stringify(metadata) } };
}

suite("finalizers on objects of the old group", () => {
  test("count where the API server knows them, with their names", () => {
    const { held } = tallied({ namespace: "shop", finalizers: ["a.org/b", "c.org/d"] });
    assert.deepEqual(held, { count: 1, first: ["Tier shop/t (a.org/b, c.org/d)"] });
  });

  test("are no hindrance where Calico keeps them in the annotation: they are carried over", () => {
    assert.deepEqual(tallied(shown({ finalizers: ["projectcalico.org/tier-controller"] })), noneHeld());
  });

  test("are not carried over where the annotation says what the object's metadata are", () => {
    const { held } = tallied({ ...shown({}), finalizers: ["a.org/b"] });
    assert.match(held.first[0] ?? "", /not carried over/);
  });

  test("are named as long as there are not too many", () => {
    const { held } = tallied(...Array.from({ length: 30 }, () => ({ finalizers: ["a.org/b"] })));
    assert.equal(held.count, 30);
    assert.equal(held.first.length, 20);
  });
});

suite("objects of the old group that are being deleted", () => {
  const deletionTimestamp = "2026-11-21T10:00:00Z";

  test("are found, also where only the aggregated API shows it", () => {
    const { deleting } = tallied({ deletionTimestamp }, shown({ deletionTimestamp }), shown({}));
    assert.deepEqual(deleting, { count: 2, first: ["Tier t", "Tier t"] });
  });

  test("broken metadata stops nothing", () => {
    const annotations = { "projectcalico.org/metadata": "{" };
    assert.deepEqual(tallied({ annotations }), noneHeld());
  });
});
