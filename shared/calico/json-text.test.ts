import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { removeMember, setMember } from "./json-text.ts";

const SET: readonly (readonly [text: string, path: [string, ...string[]], result: string])[] = [
  ['{"a":1}', ["a"], '{"a":0}'],
  ["{}", ["a"], '{"a":0}'],
  ["{ }", ["a"], '{"a":0}'],
  ['{"a":1}', ["b"], '{"a":1,"b":0}'],
  ['{"a":{"b":1},"c":2}', ["a", "b"], '{"a":{"b":0},"c":2}'],
  ['{"a":{},"c":2}', ["a", "b"], '{"a":{"b":0},"c":2}'],
  ['{"c":2}', ["a", "b", "d"], '{"c":2,"a":{"b":{"d":0}}}'],
  ['{"a":null}', ["a", "b"], '{"a":{"b":0}}'],
  ['{ "x" : "}\\"{" , "a" : [ 1, {"a":5} ] }', ["a"], '{ "x" : "}\\"{" , "a" : 0 }'],
  ['{"\\u0061":1.0}', ["a"], '{"\\u0061":0}'],
];

for (const [text, path, result] of SET) {
  test(`setting ${path.join(".")} in ${text}`, () => {
    assert.equal(setMember(text, path, "0"), result);
  });
}

const REMOVE: readonly (readonly [text: string, path: [string, ...string[]], result: string])[] = [
  ['{"a":1}', ["a"], "{}"],
  ['{"a":1,"b":2}', ["a"], '{"b":2}'],
  ['{"a":1,"b":2}', ["b"], '{"a":1}'],
  ['{"a":1, "b":2, "c":3}', ["b"], '{"a":1, "c":3}'],
  ['{"a":{"b":1,"c":2}}', ["a", "b"], '{"a":{"c":2}}'],
  ['{"x":0,"a":{"b":1}}', ["a", "b"], '{"x":0}'],
  ['{"a":1}', ["b"], '{"a":1}'],
  ['{"a":1}', ["a", "b"], '{"a":1}'],
];

for (const [text, path, result] of REMOVE) {
  test(`removing ${path.join(".")} from ${text}`, () => {
    assert.equal(removeMember(text, path), result);
  });
}

const OBJECT = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 });

test("setting does what it says, whatever the text, and removing undoes it byte for byte", () => {
  fc.assert(
    fc.property(
      OBJECT,
      fc.string(),
      fc.jsonValue(),
      fc.constantFrom(undefined, 2),
      (object, name, value, indent) => {
        fc.pre(!Object.hasOwn(object, name) && name !== "__proto__" && !Object.hasOwn(object, "__proto__"));
        const text = JSON.stringify(object, null, indent);
        const changed = setMember(text, [name], JSON.stringify(value));
        const expected = JSON.parse(JSON.stringify({ ...object, [name]: value })) as unknown;
        assert.deepEqual(JSON.parse(changed), expected);
        assert.equal(removeMember(changed, [name]), text);
      },
    ),
  );
});
