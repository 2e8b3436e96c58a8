import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import {
  closedForLastLook,
  isClosedForLastLook,
  LAST_LOOK,
  openedAfterLastLook,
  whyNotClosable,
} from "./last-look.ts";
import { SECOND_VERSION } from "./second-version.ts";

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

  test("closes all versions, and takes the second version of a run off", () => {
    const [v2, second] = ["v2", SECOND_VERSION].map((name) => ({ ...V1, name, storage: false }));
    const two = crdOf({ versions: [v2, V1, second] as JsonObject[] });
    const closed = patched(two, closedForLastLook(two));
    assert.deepEqual((closed["spec"] as JsonObject)["versions"], [
      { ...v2, served: false },
      { ...V1, served: false },
      { ...V1, name: LAST_LOOK, storage: false },
    ]);
    assert.ok(isClosedForLastLook(closed));
    assert.deepEqual(
      patched(closed, openedAfterLastLook(closed)),
      crdOf({ versions: [v2, V1] as JsonObject[] }),
    );
  });

  for (const [why, other] of Object.entries({
    "not all of its versions are served": crdOf({
      versions: [V1, { ...V1, name: "v2", served: false, storage: false }],
    }),
    "a webhook converts its versions": crdOf({ versions: [V1], conversion: { strategy: "Webhook" } }),
    "the API server has not judged NamesAccepted yet": crdOf({ versions: [V1] }, []),
    "it stores objects as v3precopy": crdOf({ versions: [{ ...V1, name: SECOND_VERSION }] }),
    "it stores no version": crdOf({}),
  }))
    test(`is not for every definition: ${why}`, () => {
      assert.deepEqual([closedForLastLook(other), whyNotClosable(other)], [undefined, why]);
    });
});
