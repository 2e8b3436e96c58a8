import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isJsonObject, type JsonObject } from "./json.ts";
import { exactDigits, exactInteger, parseExactJson } from "./exact-json.ts";

test("integers beyond 2^53 are written as they were read", () => {
  const text =
    '{"a":1732178291123456789,"b":[-9223372036854775808,18446744073709551615],"c":{"0":9007199254740993}}';
  assert.equal(JSON.stringify(parseExactJson(text)), text);
});

test("they are neither objects nor numbers", () => {
  const { a, b } = parseExactJson('{"a":1732178291123456789,"b":12}') as JsonObject;
  assert.equal(exactDigits(a), "1732178291123456789");
  assert.equal(exactDigits(b), undefined);
  assert.equal(isJsonObject(a), false);
});

test("other long numbers and texts are what JSON.parse makes of them", () => {
  const text =
    '{"safe":9007199254740991,"float":0.12345678901234567,"text":"1732178291123456789","zeros":1000000000000000.0}';
  assert.deepEqual(parseExactJson(text), JSON.parse(text));
});

test("it agrees with JSON.parse wherever that is exact", () => {
  fc.assert(
    fc.property(fc.json({ noUnicodeString: false }), (text) => {
      assert.equal(JSON.stringify(parseExactJson(text)), JSON.stringify(JSON.parse(text)));
    }),
  );
});

test("an integer is made of its digits", () => {
  assert.equal(exactInteger("12"), 12);
  assert.equal(JSON.stringify({ a: exactInteger("1732178291123456789") }), '{"a":1732178291123456789}');
});

test("what is no JSON is refused", () => {
  assert.throws(() => parseExactJson('{"a":17321782911234567891'), SyntaxError);
});
