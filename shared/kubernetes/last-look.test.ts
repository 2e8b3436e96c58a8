import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { closedForLastLook, isClosedForLastLook, LAST_LOOK, openedAfterLastLook } from "./last-look.ts";

const ESTABLISHED = ["NamesAccepted", "Established"].map((type) => ({ type, status: "True" }));
const V1 = { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } };

function crdOf(spec: JsonObject, conditions = ESTABLISHED): JsonObject {
  const metadata = { name: "bgppeers.crd.projectcalico.org", uid: "u", resourceVersion: "7" };
  return { metadata, spec, status: { conditions } };
}

/** The definition as a merge patch leaves it. */
function patched(crd: JsonObject, patch: JsonObject | undefined): JsonObject {
  return { ...crd, spec: { ...(crd["spec"] as JsonObject), ...(patch?.["spec"] as JsonObject) } };
}

describe("the last look into a definition", () => {
  const crd = crdOf({ versions: [{ ...V1, deprecated: true }] });

  test("is by a copy of its version, which alone is served then, and as it was read", () => {
    assert.deepEqual(closedForLastLook(crd), {
      metadata: { uid: "u", resourceVersion: "7" },
      spec: {
        versions: [
          { ...V1, deprecated: true, served: false },
          { ...V1, name: LAST_LOOK, storage: false },
        ],
      },
    });
    const closed = patched(crd, closedForLastLook(crd));
    assert.deepEqual([crd, closed].map(isClosedForLastLook), [false, true]);
    assert.equal(closedForLastLook(closed), undefined);
  });

  test("is taken back to what was", () => {
    const closed = patched(crd, closedForLastLook(crd));
    assert.deepEqual(patched(closed, openedAfterLastLook(closed)), crd);
    assert.equal(openedAfterLastLook(crd), undefined);
  });

  test("is not for definitions of several versions, with a webhook, or not established", () => {
    const two = crdOf({ versions: [V1, { ...V1, name: "v2", storage: false }] });
    const webhook = crdOf({ versions: [V1], conversion: { strategy: "Webhook" } });
    for (const other of [two, webhook, crdOf({ versions: [V1] }, []), crdOf({})])
      assert.equal(closedForLastLook(other), undefined);
  });
});
