import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseExactJson } from "../../exact-json.ts";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../../json.ts";
import { nameProblem } from "../names.ts";
import { convertUid } from "../uid.ts";
import { NATIVE_KINDS } from "./native-kinds.ts";
import { compareNative } from "./same-native.ts";
import { NATIVE_SAMPLES } from "./testing/samples.ts";
import { v1Object } from "./testing/v1-objects.ts";
import { type Native, toNative } from "./to-native.ts";

const MEMBERS = [
  "metadata",
  "spec",
  "labels",
  "annotations",
  "name",
  "tier",
  "cidr",
  "handleID",
  "projectcalico.org/metadata",
];
const JSON_LIKE = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<Json>(null, true, 0, 1.5, "", "a", "10.0.0.0/26", "{}", '{"labels":{"a":"b"}}', "Tier"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...MEMBERS, "__proto__", "x"), tie("value"), { maxKeys: 5 }),
  ),
})).value;

function members(value: Json | undefined, path: readonly string[] = []): (readonly string[])[] {
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => [
    [...path, key],
    ...members(member, [...path, key]),
  ]);
}

function replaced(v1: JsonObject, position: number, value: Json): JsonObject {
  const copy = parseExactJson(JSON.stringify(v1)) as JsonObject;
  const paths = members(copy);
  const path = paths[position % paths.length] ?? [];
  const holder = path.slice(0, -1).reduce((object, key) => object[key] as JsonObject, copy);
  holder[path.at(-1) ?? ""] = value;
  return copy;
}

const SAMPLE = fc.constantFrom(...NATIVE_SAMPLES.map(({ v1 }) => v1));
const V1 = fc.oneof(
  fc.tuple(SAMPLE, fc.nat(), JSON_LIKE).map(([v1, position, value]) => replaced(v1, position, value)),
  fc
    .tuple(fc.constantFrom(...NATIVE_KINDS), JSON_LIKE, JSON_LIKE)
    .map(([{ v1Kind }, metadata, spec]) => ({ ...v1Object(v1Kind, "shop/a", {}), metadata, spec })),
  fc.dictionary(fc.string(), JSON_LIKE),
);

test("whatever the object, there is one answer, always the same, and the object stays as it is", () => {
  fc.assert(
    fc.property(V1, (v1) => {
      const before = canonicalJson(v1);
      const result = toNative(v1);
      assert.equal(canonicalJson(v1), before);
      assert.equal(JSON.stringify(toNative(v1)), JSON.stringify(result));
      if (result.outcome === "broken") assert.ok(result.code.length > 0 && result.reason.length > 0);
      else assertUsable(result);
    }),
    { numRuns: 2000 },
  );
});

function assertUsable({ object, target, uid, kind }: Exclude<Native, { outcome: "broken" }>): void {
  assert.equal(nameProblem(target.name), undefined);
  assert.equal(convertUid(convertUid(uid) ?? ""), uid);
  assert.deepEqual(
    [object.metadata.name, object.metadata.namespace, object.kind],
    [target.name, target.namespace, kind],
  );
  assert.deepEqual(compareNative(object, object), { same: true });
}

test("ids of handles give valid names exactly when they are valid in lower case", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9.-]{1,80}$/)), (handleID) => {
      const result = toNative(v1Object("IPAMHandle", "h", { handleID, block: {} }));
      assert.equal(result.outcome === "carry", nameProblem(handleID.toLowerCase()) === undefined);
    }),
  );
});

test("policies keep their name, but for one leading tier", () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,10}$/);
  fc.assert(
    fc.property(label, fc.option(label), fc.boolean(), (name, tier, hasPrefix) => {
      const stored = hasPrefix ? `default.${name}` : name;
      const result = toNative(v1Object("NetworkPolicy", `shop/${stored}`, tier === null ? {} : { tier }));
      assert.ok(result.outcome === "carry");
      assert.equal(result.target.name, tier === null || tier === "default" ? name : stored);
    }),
  );
});
