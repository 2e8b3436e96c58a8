import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { z } from "zod";
import { isJsonObject, type Json, type JsonObject } from "../shared/json.ts";
import { CATALOGUE, type CatalogueEntry, jsonSchemaOf } from "./catalogue.ts";
import { encodeCommand, parseDelivery } from "./commands.ts";
import { parseWith } from "./invalid.ts";
import { deliveryOf, type Example, readExamples } from "./testing/examples.ts";
import { encodeWork } from "./work.ts";

const EXAMPLES = readExamples();

describe("examples", () => {
  test("there is one of every message", () => {
    const shown = new Set(EXAMPLES.map(({ entry }) => entry.name));

    assert.deepEqual(
      CATALOGUE.map(({ name }) => name).filter((name) => !shown.has(name)),
      [],
    );
  });

  for (const example of EXAMPLES) {
    const { file, entry, message } = example;

    test(`${file} is read, and written again means the same`, () => {
      assert.deepEqual(writtenAgain(example), message);
    });

    test(`${file} is what the JSON Schema asks for`, () => {
      const schema = z.fromJSONSchema(withoutChoices(jsonSchemaOf(entry)) as never);

      assert.deepEqual(schema.safeParse(message).error?.issues, undefined);
      assert.equal(schema.safeParse({ ...message, ...wrong(entry) }).success, false);
    });

    for (const path of requiredPaths(jsonSchemaOf(entry), message)) {
      test(`${file} without ${path.join(".")} is refused`, () => {
        const lacking = without(message, path);

        assert.throws(() => read({ ...example, message: lacking }), {
          code: "MESSAGE_INVALID",
          retryable: false,
          message: new RegExp(`[ ;]${path.join("\\.")}: `),
        });
      });
    }
  }
});

function read({ entry, ...rest }: Example): unknown {
  if (entry.role === "event") return parseWith(entry.schema, entry.name, rest.message);
  return parseDelivery(deliveryOf({ entry, ...rest }));
}

/** The message after it was read and encoded. */
function writtenAgain(example: Example): unknown {
  if (example.entry.role === "event") return read(example);
  const delivery = parseDelivery(deliveryOf(example));
  if (delivery.kind === "work") return JSON.parse(encodeWork(delivery.message, delivery.hops));
  const { id, time, source } = example.message as Record<string, string>;
  assert.ok(id !== undefined && time !== undefined && source !== undefined);
  const { Detail } = encodeCommand(delivery.command, { id, time, source });
  return withoutDefaults(JSON.parse(Detail) as JsonObject, example.message);
}

/** Without the members that a command gets when its sender does not give them. */
function withoutDefaults(detail: JsonObject, message: JsonObject): JsonObject {
  const [data, given] = [objectAt(detail, "data"), objectAt(message, "data")];
  const isDefault = (name: string) => !(name in given) && /^(\{\}|\[\])$/.test(JSON.stringify(data[name]));
  return { ...detail, data: Object.fromEntries(Object.entries(data).filter(([name]) => !isDefault(name))) };
}

function wrong({ role }: CatalogueEntry): JsonObject {
  return role === "work" ? { hops: -1 } : { data: "none" };
}

/** Zod reads no `oneOf` beside properties; the tests of commands look at what it says. */
function withoutChoices(schema: JsonObject): Json {
  return JSON.parse(
    JSON.stringify(schema, (name, value: Json) => (name === "oneOf" ? undefined : value)),
  ) as Json;
}

/** Paths of the required fields that a message has. */
function requiredPaths(schema: JsonObject, message: JsonObject): string[][] {
  const required = Array.isArray(schema["required"]) ? schema["required"].map(String) : [];
  const inside = Object.entries(objectAt(schema, "properties")).flatMap(([name, property]) => {
    const member = message[name];
    if (!isJsonObject(property) || !isJsonObject(member)) return [];
    return requiredPaths(property, member).map((path) => [name, ...path]);
  });
  return [...required.map((name) => [name]), ...inside];
}

function without(message: JsonObject, [name = "", ...rest]: readonly string[]): JsonObject {
  const { [name]: member, ...others } = message;
  return rest.length > 0 && isJsonObject(member) ? { ...others, [name]: without(member, rest) } : others;
}

function objectAt(value: JsonObject, name: string): JsonObject {
  const member = value[name];
  return isJsonObject(member) ? member : {};
}
