import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { canonicalJson, type Json, type JsonObject } from "../json.ts";
import { goPattern } from "./go-pattern.ts";
import { applyDefaults, respell, unknownFields, violations } from "./structural-schema.ts";

const schema: JsonObject = {
  type: "object",
  required: ["spec"],
  properties: {
    metadata: { type: "object" },
    spec: {
      type: "object",
      required: ["name"],
      properties: {
        name: { type: "string", minLength: 2, maxLength: 4, pattern: "^[a-z😀]+$" },
        order: { type: "integer", default: 10, minimum: 0, maximum: 100, exclusiveMaximum: true },
        action: { type: "string", enum: ["Allow", "Deny"], default: "Allow" },
        port: { "x-kubernetes-int-or-string": true },
        note: { type: "string", nullable: true, default: "none" },
        mode: {
          type: "object",
          default: {},
          properties: { kind: { type: "string", default: "auto" }, size: { type: "number" } },
        },
        rules: {
          type: "array",
          maxItems: 2,
          items: {
            type: "object",
            properties: { log: { type: "boolean", default: false }, text: { type: "string" } },
          },
        },
        labels: { type: "object", maxProperties: 2, additionalProperties: { type: "string" } },
        extra: {
          type: "object",
          additionalProperties: { type: "object", properties: { a: { default: 1 } } },
        },
        raw: {
          type: "object",
          "x-kubernetes-preserve-unknown-fields": true,
          properties: { known: { type: "object", properties: { b: { type: "string" } } } },
        },
        template: {
          type: "object",
          "x-kubernetes-embedded-resource": true,
          properties: { spec: { type: "object" } },
        },
        either: { type: "object", anyOf: [{ required: ["x"] }, { required: ["y"] }] },
        both: { type: "integer", allOf: [{ minimum: 3 }, { maximum: 5 }] },
      },
    },
  },
};

function withSpec(spec: JsonObject): JsonObject {
  return { apiVersion: "example.org/v1", kind: "Widget", metadata: { name: "a", anything: 1 }, spec };
}

function defaulted(spec: JsonObject): Json | undefined {
  return applyDefaults(schema, withSpec(spec))["spec"];
}

const always = { order: 10, action: "Allow", note: "none", mode: { kind: "auto" } };

suite("applyDefaults", () => {
  test("fills what is missing, defaults within defaults included", () => {
    assert.deepEqual(defaulted({ name: "ab" }), { name: "ab", ...always });
  });

  test("reaches into lists and maps, but creates none", () => {
    const spec = defaulted({ rules: [{ text: "x" }, { log: true }], extra: { one: {}, two: { a: 2 } } });
    assert.deepEqual(spec, {
      ...always,
      rules: [{ text: "x", log: false }, { log: true }],
      extra: { one: { a: 1 }, two: { a: 2 } },
    });
  });

  test("a null is kept where allowed, gives way to a default, and is dropped elsewhere", () => {
    const spec = defaulted({
      name: null,
      order: null,
      note: null,
      mode: { size: null, kind: "x" },
      unknown: null,
    });
    assert.deepEqual(spec, { ...always, note: null, mode: { kind: "x" }, unknown: null });
  });

  test("leaves its input alone, shares what did not change, and never hands out a default itself", () => {
    const object = withSpec({ name: "ab", rules: [{ text: "x" }] });
    const before = canonicalJson(object);
    const first = applyDefaults(schema, object);
    assert.equal(canonicalJson(object), before);
    assert.equal(first["metadata"], object["metadata"]);
    (first["spec"] as { mode: JsonObject }).mode["kind"] = "changed";
    assert.deepEqual(defaulted({ name: "ab" }), { name: "ab", ...always });
  });
});

suite("unknownFields", () => {
  test("names what would be dropped, by its path", () => {
    const object = withSpec({
      name: "ab",
      colour: 1,
      rules: [{ text: "x" }, { kind: {} }],
      mode: { a: { b: 1 } },
    });
    assert.deepEqual(unknownFields(schema, { ...object, status: {} }), [
      "spec.colour",
      "spec.mode.a",
      "spec.rules[1].kind",
      "status",
    ]);
  });

  test("respects maps, preserved parts and embedded resources", () => {
    const object = withSpec({
      labels: { any: "x" },
      extra: { any: { a: 1, b: 2 } },
      raw: { free: { deep: 1 }, known: { b: "x", c: "y" } },
      template: { apiVersion: "v1", kind: "Pod", metadata: { name: "x" }, spec: {}, status: {} },
    });
    assert.deepEqual(unknownFields(schema, object), [
      "spec.extra.any.b",
      "spec.raw.known.c",
      "spec.template.status",
    ]);
  });
});

suite("violations", () => {
  const of = (spec: JsonObject): string[] =>
    violations(schema, withSpec({ name: "ab", ...spec })).map(({ path, message }) => `${path} ${message}`);

  test("a valid object has none", () => {
    assert.deepEqual(
      of({ order: 99, action: "Deny", port: "http", note: null, both: 4, either: { y: 1 } }),
      [],
    );
  });

  test("each rule is told at its path", () => {
    const broken: [JsonObject, string][] = [
      [{ name: 1 }, "spec.name must be of type string"],
      [{ name: "a" }, "spec.name must have at least 2 characters"],
      [{ name: "abcde" }, "spec.name must have at most 4 characters"],
      [{ name: "AB" }, "spec.name must match ^[a-z😀]+$"],
      [{ order: 1.5 }, "spec.order must be of type integer"],
      [{ order: -1 }, "spec.order must be at least 0"],
      [{ order: 100 }, "spec.order must be less than 100"],
      [{ action: "Maybe" }, 'spec.action must be one of "Allow", "Deny"'],
      [{ port: 1.5 }, "spec.port must be of type integer or string"],
      [{ rules: [{}, {}, {}] }, "spec.rules must have at most 2 items"],
      [{ rules: [{ log: "no" }] }, "spec.rules[0].log must be of type boolean"],
      [{ labels: { a: 1 } }, "spec.labels.a must be of type string"],
      [{ labels: { a: "", b: "", c: "" } }, "spec.labels must have at most 2 members"],
      [{ mode: null }, "spec.mode must be of type object"],
      [{ either: {} }, "spec.either must hold one of: spec.either.x is required | spec.either.y is required"],
      [{ both: 6 }, "spec.both must be at most 5"],
    ];
    for (const [spec, message] of broken) assert.deepEqual(of(spec), [message]);
    assert.deepEqual(violations(schema, withSpec({})), [{ path: "spec.name", message: "is required" }]);
    assert.deepEqual(violations(schema, { kind: "Widget" }), [{ path: "spec", message: "is required" }]);
  });

  test("characters are counted, not UTF-16 units", () => {
    assert.deepEqual(of({ name: "😀😀😀😀" }), []);
    assert.equal(of({ name: "😀" }).length, 1);
  });
});

/** Schemas, each with a generator of values that it allows; `loose` values may have anything besides. */
interface Sample {
  schema: JsonObject;
  value: fc.Arbitrary<Json>;
}

const leaf: fc.Arbitrary<Sample> = fc.constantFrom<Sample>(
  { schema: { type: "string" }, value: fc.string() },
  { schema: { type: "string", default: "d" }, value: fc.string() },
  { schema: { type: "string", enum: ["a", "b"] }, value: fc.constantFrom("a", "b") },
  { schema: { type: "string", pattern: "^a+$" }, value: fc.constantFrom("a", "aa") },
  { schema: { type: "integer", minimum: 1, maximum: 9 }, value: fc.integer({ min: 1, max: 9 }) },
  { schema: { type: "boolean", nullable: true }, value: fc.constantFrom(true, false, null) },
  { schema: { "x-kubernetes-int-or-string": true, default: 5 }, value: fc.oneof(fc.integer(), fc.string()) },
);

const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    tie("sample").map(({ schema: items, value }) => ({
      schema: { type: "array", items },
      value: fc.array(value, { maxLength: 3 }),
    })),
    tie("sample").map(({ schema: additionalProperties, value }) => ({
      schema: { type: "object", additionalProperties },
      value: fc.dictionary(fc.constantFrom("p", "q"), value),
    })),
    fc.tuple(tie("sample"), tie("sample")).map(([a, b]) => ({
      schema: { type: "object", properties: { a: a.schema, b: b.schema } },
      value: fc.record({ a: a.value, b: b.value }, { requiredKeys: [] }),
    })),
  ),
}));

const sampled = sample.chain(({ schema: spec, value }) =>
  fc.record({
    crd: fc.constant<JsonObject>({ type: "object", properties: { spec } }),
    object: value.map((one): JsonObject => ({ kind: "K", metadata: { name: "n" }, spec: one })),
  }),
);

const LISTS: JsonObject = {
  type: "object",
  properties: {
    nets: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string", format: "cidr" } },
    ports: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name", "protocol"],
      items: {
        type: "object",
        properties: {
          name: { type: "string" },
          protocol: { type: "string", default: "TCP" },
          port: { type: "integer" },
        },
      },
    },
    names: { type: "array", items: { type: "string" } },
    asNumber: { type: "integer", format: "int32" },
    big: { type: "integer", format: "int64" },
  },
};

suite("formats and lists of distinct items", () => {
  const paths = (object: JsonObject): string[] => violations(LISTS, object).map(({ path }) => path);

  test("are judged as the API server does", () => {
    assert.deepEqual(paths({ asNumber: 4_200_000_001, big: 4_200_000_001 }), ["asNumber"]);
    assert.deepEqual(paths({ asNumber: 2_147_483_647, nets: ["192.0.2.7/24", "2001:db8::/32"] }), []);
    const nets = ["192.0.2.1", "192.0.2.0/33", "x/8", "fe80::1%eth0/64", "10.0.0.0/8/8", "::/129"];
    assert.deepEqual(
      paths({ nets }),
      nets.map((_, index) => `nets[${index}]`),
    );
    assert.deepEqual(paths({ nets: ["10.0.0.0/8", "11.0.0.0/8", "10.0.0.0/8"], names: ["a", "a"] }), [
      "nets[2]",
    ]);
    const ports = [
      { name: "a", port: 1 },
      { name: "a", protocol: "TCP", port: 2 },
      { name: "a", protocol: "UDP" },
    ];
    assert.deepEqual(paths({ ports }), ["ports[1]"]);
  });

  test("are respelt where the same is meant, and only there", () => {
    const { object, told } = respell(LISTS, {
      nets: ["192.0.2.1", "2001:db8::1", "10.0.0.0/8", "192.0.2.1/32", "10.0.0.0/8", "rubbish"],
      ports: [
        { name: "a", port: 1 },
        { name: "a", port: 1 },
        { name: "a", port: 2 },
      ],
      names: ["a", "a"],
      asNumber: 4_200_000_001,
    });
    assert.deepEqual(object, {
      nets: ["192.0.2.1/32", "2001:db8::1/128", "10.0.0.0/8", "rubbish"],
      ports: [
        { name: "a", port: 1 },
        { name: "a", port: 2 },
      ],
      names: ["a", "a"],
      asNumber: 4_200_000_001,
    });
    assert.deepEqual(
      told.map(({ path }) => path),
      ["nets[0]", "nets[1]", "nets[3]", "nets[4]", "ports[1]"],
    );
  });

  test("leave an object alone that needs nothing", () => {
    const given = { nets: ["10.0.0.0/8"], ports: [{ name: "a" }] };
    assert.equal(respell(LISTS, given).object, given);
  });
});

suite("properties", () => {
  test("what a schema allows has no violations and no unknown fields, before and after defaulting", () => {
    fc.assert(
      fc.property(sampled, ({ crd, object }) => {
        for (const one of [object, applyDefaults(crd, object)]) {
          assert.deepEqual(violations(crd, one), []);
          assert.deepEqual(unknownFields(crd, one), []);
        }
      }),
    );
  });

  test("defaulting twice is defaulting once, and keeps what was there", () => {
    fc.assert(
      fc.property(sampled, fc.jsonValue(), ({ crd, object }, junk) => {
        for (const one of [object, { ...object, spec: junk }]) {
          const once = applyDefaults(crd, one);
          assert.deepEqual(applyDefaults(crd, once), once);
          assert.equal(once["kind"], "K");
        }
      }),
    );
  });
});

suite("goPattern", () => {
  test("matches as Go does", () => {
    const matches = (pattern: string, text: string): boolean | undefined => goPattern(pattern)?.test(text);
    assert.equal(matches("^(?i)(Drop|Accept)?$", "dROP"), true);
    assert.equal(matches("^(?i)(Drop|Accept)?$", "Return"), false);
    assert.equal(matches("^.*", "any"), true);
    assert.equal(matches("^.$", "\r"), true, "Go's dot excludes the line feed only");
    assert.equal(matches("^\\S$", "\u00a0"), true, "Go's spaces are ASCII");
    assert.equal(matches("^[\\s.]$", " "), true);
    assert.equal(matches("b", "abc"), true, "patterns are not anchored");
  });

  test("knows what only Go has", () => {
    for (const [pattern, text] of [
      ["[[:alpha:]]", "é a"],
      ["\\Aa\\z", "a"],
      ["(?s)^.$", "\n"],
      ["(?P<n>a)", "a"],
      ["^\\pL$", "é"],
      ["^[\\S]$", "\u00a0"],
    ] as const)
      assert.equal(goPattern(pattern)?.test(text), true, pattern);
    assert.equal(goPattern("a$")?.test("a\n"), false);
  });

  test("refuses what Go refuses", () => {
    for (const pattern of ["(", "(?=a)", "(a)\\1", "a{1001}"]) {
      assert.equal(goPattern(pattern), undefined, pattern);
    }
  });

  test("takes a time that grows with the text alone", { timeout: 60_000 }, () => {
    assert.equal(goPattern("^(a+)+$")?.test(`${"a".repeat(50_000)}b`), false);
    assert.equal(goPattern("^(([a-z])+.)+[A-Z]([a-z])+$")?.test("a".repeat(50_000)), false);
  });
});
