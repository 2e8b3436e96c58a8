import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { z } from "zod";
import type { JsonObject } from "../shared/json.ts";
import { CATALOGUE, jsonSchemaOf } from "./catalogue.ts";
import { breakingChanges } from "./compatibility.ts";

const BASE = {
  id: z.string().min(2).max(8),
  kind: z.enum(["a", "b"]),
  size: z.int().min(1),
  note: z.string().optional(),
  counts: z.record(z.string(), z.int()),
  list: z.array(z.strictObject({ name: z.string() })),
};

interface Change {
  what: string;
  fields: z.ZodRawShape;
  command: RegExp | undefined;
  event: RegExp | undefined;
}

const omit = (...names: string[]) =>
  Object.fromEntries(Object.entries(BASE).filter(([name]) => !names.includes(name)));

const CHANGES: readonly Change[] = [
  { what: "nothing", fields: BASE, command: undefined, event: undefined },
  {
    what: "an optional field added",
    fields: { ...BASE, more: z.string().optional() },
    command: undefined,
    event: undefined,
  },
  {
    what: "a required field added",
    fields: { ...BASE, more: z.string() },
    command: /^more is required now/,
    event: undefined,
  },
  {
    what: "a required field removed",
    fields: omit("size"),
    command: /^size: is gone/,
    event: /size is not required any more/,
  },
  {
    what: "an optional field removed",
    fields: omit("note"),
    command: /^note: is gone/,
    event: /^note: is gone/,
  },
  {
    what: "a field made required",
    fields: { ...BASE, note: z.string() },
    command: /^note is required now/,
    event: undefined,
  },
  {
    what: "a field made optional",
    fields: { ...BASE, size: BASE.size.optional() },
    command: undefined,
    event: /^size is not required/,
  },
  {
    what: "a default given",
    fields: { ...BASE, size: BASE.size.default(1) },
    command: /^size: default: changed/,
    event: /./,
  },
  {
    what: "a value added",
    fields: { ...BASE, kind: z.enum(["a", "b", "c"]) },
    command: undefined,
    event: undefined,
  },
  {
    what: "a value removed",
    fields: { ...BASE, kind: z.enum(["a"]) },
    command: /^kind: has lost the value "b"/,
    event: /^kind: has lost/,
  },
  {
    what: "values opened",
    fields: { ...BASE, kind: z.string() },
    command: undefined,
    event: /^kind: is not limited/,
  },
  {
    what: "values imposed",
    fields: { ...BASE, note: z.enum(["x"]).optional() },
    command: /^note: is limited/,
    event: undefined,
  },
  {
    what: "another type",
    fields: { ...BASE, id: z.int() },
    command: /^id: may not be string/,
    event: /^id: may be integer now/,
  },
  {
    what: "a wider type",
    fields: { ...BASE, size: z.number().min(1) },
    command: undefined,
    event: /^size: may be number now/,
  },
  {
    what: "a type given up",
    fields: { ...BASE, note: z.unknown() },
    command: /^note: has no type/,
    event: /^note: has no type/,
  },
  {
    what: "a tighter bound",
    fields: { ...BASE, id: z.string().min(3).max(8) },
    command: /^id: minLength was 2 and is 3/,
    event: undefined,
  },
  {
    what: "a looser bound",
    fields: { ...BASE, id: z.string().min(2).max(9) },
    command: undefined,
    event: /^id: maxLength was 8 and is 9/,
  },
  {
    what: "a bound removed",
    fields: { ...BASE, id: z.string().min(2) },
    command: undefined,
    event: /^id: maxLength/,
  },
  {
    what: "a pattern",
    fields: { ...BASE, note: z.string().regex(/a/).optional() },
    command: /^note: pattern: changed/,
    event: /./,
  },
  {
    what: "another type inside a record",
    fields: { ...BASE, counts: z.record(z.string(), z.string()) },
    command: /^counts\[\]: /,
    event: /^counts\[\]: /,
  },
  {
    what: "a required field inside a list",
    fields: { ...BASE, list: z.array(z.strictObject({ name: z.string(), more: z.string() })) },
    command: /^list\[\]: more is required now/,
    event: undefined,
  },
];

const ALTERNATIVES = [
  {
    what: "an alternative added",
    schema: z.union([z.string(), z.int(), z.boolean()]),
    command: undefined,
    event: /anyOf/,
  },
  { what: "an alternative removed", schema: z.string(), command: /anyOf/, event: /anyOf/ },
  {
    what: "alternatives turned round",
    schema: z.union([z.int(), z.string()]),
    command: undefined,
    event: undefined,
  },
];

describe("a schema is a successor of another", () => {
  for (const { what, fields, command, event } of CHANGES) {
    test(`for commands: ${what}`, () => {
      expect(breakingChanges(json(z.strictObject(BASE)), json(z.strictObject(fields)), "command"), command);
    });
    test(`for events: ${what}`, () => {
      expect(breakingChanges(json(z.looseObject(BASE)), json(z.looseObject(fields)), "event"), event);
    });
  }

  for (const { what, schema, command, event } of ALTERNATIVES) {
    test(`with ${what}`, () => {
      const before = json(z.object({ a: z.union([z.string(), z.int()]) }));
      const after = json(z.object({ a: schema }));

      expect(breakingChanges(before, after, "command"), command);
      expect(breakingChanges(before, after, "event"), event);
    });
  }

  test("when unknown fields are refused, only for who reads them", () => {
    const [loose, strict] = [json(z.looseObject(BASE)), json(z.strictObject(BASE))];

    expect(breakingChanges(loose, strict, "command"), /additionalProperties: changed/);
    expect(breakingChanges(strict, loose, "command"), undefined);
    expect(breakingChanges(loose, strict, "event"), undefined);
  });

  test("when only words about it have changed", () => {
    const before = json(z.strictObject({ id: BASE.id }).describe("old"));

    expect(
      breakingChanges(before, json(z.strictObject({ id: BASE.id.describe("new") })), "command"),
      undefined,
    );
  });

  test("for every message: itself", () => {
    for (const entry of CATALOGUE) {
      expect(breakingChanges(jsonSchemaOf(entry), jsonSchemaOf(entry), entry.role), undefined);
    }
  });
});

function json(schema: z.ZodType): JsonObject {
  return jsonSchemaOf({ name: "test", role: "command", schema });
}

function expect(problems: string[], wanted: RegExp | undefined): void {
  if (wanted === undefined) assert.deepEqual(problems, []);
  else assert.match(problems.join("\n"), new RegExp(wanted.source, "m"));
}
