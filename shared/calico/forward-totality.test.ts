import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../json.ts";
import { forward } from "./forward.ts";
import { KINDS, kindInfo } from "./kinds.ts";
import { SAMPLES, V1, V3, resourceKey, storedText } from "./testing/samples.ts";

const KEY = fc.constantFrom(
  ...SAMPLES.map(({ key }) => key),
  ...KINDS.map(({ plural, namespaced }) => resourceKey(plural, namespaced ? "shop/a" : "rack1-a")),
);
const MEMBERS = [
  "kind",
  "apiVersion",
  "metadata",
  "spec",
  "labels",
  "annotations",
  "name",
  "node",
  "tier",
  "cidr",
  "bgp",
  "orchRefs",
];
const JSON_LIKE = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, 0, 1.5, "", "a", "10.0.0.0/26", "__proto__", "Tier"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...MEMBERS, "__proto__", "x"), tie("value"), { maxKeys: 5 }),
  ),
})).value;

test("whatever the value, there is an outcome", () => {
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc.string(),
    fc.json(),
    JSON_LIKE.map((json) => JSON.stringify(json)),
  );
  fc.assert(
    fc.property(fc.oneof(KEY, fc.string()), value, fc.constantFrom(V1, V3), (key, bytes, context) => {
      const result = forward(key, bytes, context);
      if (result.outcome === "carry") assert.equal(kindInfo(result.kind).rank, result.rank);
      else assert.ok(result.reason.length > 0);
    }),
    { numRuns: 2000 },
  );
});

test("members of a real value replaced by anything still have an outcome", () => {
  fc.assert(
    fc.property(fc.constantFrom(...SAMPLES), fc.nat(), JSON_LIKE, (sample, position, replacement) => {
      const paths = memberPaths(JSON.parse(storedText(sample) === "" ? "{}" : storedText(sample)));
      const value = JSON.parse(storedText(sample) === "" ? "{}" : storedText(sample)) as JsonObject;
      const path = paths[position % Math.max(paths.length, 1)];
      if (path !== undefined) replaceAt(value, path, replacement);
      assert.ok(forward(sample.key, JSON.stringify(value), V1).outcome.length > 0);
    }),
    { numRuns: 2000 },
  );
});

function memberPaths(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => [
    [...path, key],
    ...memberPaths(member, [...path, key]),
  ]);
}

function replaceAt(value: JsonObject, path: readonly string[], replacement: unknown): void {
  const [last = ""] = path.slice(-1);
  const holder = path.slice(0, -1).reduce((object, key) => object[key] as JsonObject, value);
  holder[last] = replacement as JsonObject;
}
