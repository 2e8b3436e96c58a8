import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keyOf } from "./names.ts";

describe("the key of an artifact", () => {
  test("is its name after the prefix", () => {
    assert.equal(keyOf("artifacts/", "runs/r1/report"), "artifacts/runs/r1/report");
    assert.equal(keyOf("", "%"), "%");
    assert.equal(keyOf("artifacts/", "staging/x"), "artifacts/staging/x");
    assert.equal(keyOf("p/", "ü".repeat(511)).length, 513);
  });

  const refused = {
    empty: "",
    "with an empty part": "runs//report",
    "that begins with a slash": "/runs",
    "that ends with a slash": "runs/",
    "that leads upwards": "runs/../other",
    "with a part that is a dot": "./report",
    "with a control character": "a\u0000b",
    "with half a character": "a\ud800",
    "that is too long": "ü".repeat(512),
  };
  for (const [what, name] of Object.entries(refused)) {
    test(`cannot be made for a name ${what}`, () => {
      assert.throws(() => keyOf("p/", name), { code: "ARTIFACT_NAME_INVALID" });
    });
  }

  test("never lies where drafts are", () => {
    assert.throws(() => keyOf("", "staging/x"), { code: "ARTIFACT_NAME_INVALID" });
  });
});
