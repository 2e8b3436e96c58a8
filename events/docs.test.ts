import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isJsonObject, type JsonObject } from "../shared/json.ts";
import { CATALOGUE, type CatalogueEntry } from "./catalogue.ts";
import { typeOf } from "./cloud-event.ts";
import { parseWith } from "./invalid.ts";

const PAGE = readFileSync(join(import.meta.dirname, "..", "docs", "events.md"), "utf8");
const SECTIONS = new Map(PAGE.split(/^### /m).map((section) => [section.split("\n")[0], section]));

describe("docs/events.md", () => {
  for (const entry of CATALOGUE) {
    test(`shows ${entry.name} as it is`, () => {
      const shown = examplesIn(SECTIONS.get(entry.name) ?? "");

      assert.ok(shown.length > 0);
      for (const example of shown)
        assert.doesNotThrow(() => parseWith(entry.schema, entry.name, whole(entry, example)));
    });
  }

  test("shows nothing else", () => {
    const headings = [...SECTIONS.keys()]
      .slice(1)
      .filter((heading) => !/^(Sending one|Catching them)$/.test(heading ?? ""));

    assert.deepEqual(headings.toSorted(), CATALOGUE.map(({ name }) => name).toSorted());
  });

  test("shows whole events as they are", () => {
    const events = examplesIn(PAGE).filter((example) => "specversion" in example);

    assert.ok(events.length >= 2);
    for (const event of events) {
      const entry = CATALOGUE.find(({ name }) => typeOf(name) === event["type"]);
      assert.ok(entry);
      assert.doesNotThrow(() => parseWith(entry.schema, entry.name, event));
    }
  });
});

function examplesIn(text: string): JsonObject[] {
  return [...text.matchAll(/^```json\n(.*?)^```$/gms)].map(([, example = ""]) => {
    const value: unknown = JSON.parse(example);
    assert.ok(isJsonObject(value), example);
    return value;
  });
}

/** Where the page shows only the data, with an envelope around it. */
function whole({ name, role }: CatalogueEntry, example: JsonObject): JsonObject {
  if (role === "work" || "specversion" in example) return example;
  const time = "2027-01-12T09:30:00.000Z";
  return { specversion: "1.0", id: "1", source: "docs", type: typeOf(name), time, data: example };
}
