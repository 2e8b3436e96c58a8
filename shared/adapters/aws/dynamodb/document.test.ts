import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { fromDocument, toDocument } from "./document.ts";

describe("a document", () => {
  test("comes back as JSON says, whatever it holds", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
        assert.deepEqual(fromDocument(toDocument(value)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  for (const value of [{}, { "": "" }, { a: [{}, [], null] }, 5e-324, 2 ** 60, "\ud800", { a: undefined }]) {
    test(`comes back when it is ${JSON.stringify(value)}`, () => {
      assert.deepEqual(fromDocument(toDocument(value)), JSON.parse(JSON.stringify(value)));
    });
  }

  test("is compressed when it is long, and comes back", () => {
    const value = { items: Array.from({ length: 5_000 }, (_, index) => ({ index, name: "ä\ud800" })) };
    const document = toDocument(value);

    assert.ok(document.length < 50_000);
    assert.deepEqual(fromDocument(document), value);
  });
});
