import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { canonicalJson, isJsonObject, type JsonObject } from "../shared/json.ts";
import { CATALOGUE, jsonSchemaOf, type MessageRole } from "./catalogue.ts";
import { breakingChanges } from "./compatibility.ts";

/** Where the schemas are kept that were committed last. */
export const SCHEMA_FOLDER = join(import.meta.dirname, "schemas");

/** How the catalogue differs from the schemas in a folder. */
export interface SchemaChanges {
  /** Files that are missing, differ, or have no message any more. */
  files: string[];
  /** What breaks senders or readers: the message, the field, and what has become of it. */
  breaking: string[];
}

interface SchemaFile {
  name: string;
  role: MessageRole;
  schema: JsonObject;
}

/** Compares the catalogue with the schemas in a folder. */
export function schemaChanges(folder: string): SchemaChanges {
  const generated = generatedSchemas();
  const committed = readSchemas(folder);
  const gone = [...committed.keys()].filter((file) => !generated.has(file));
  const changed = [...generated].filter(([file, { schema }]) => {
    return canonicalJson(committed.get(file)) !== canonicalJson(schema);
  });
  const breaking = changed.flatMap(([file, { name, role, schema }]) => {
    const before = committed.get(file);
    return before === undefined
      ? []
      : breakingChanges(before, schema, role).map((what) => `${name}: ${what}`);
  });
  return {
    files: [...changed.map(([file]) => file), ...gone],
    breaking: [...breaking, ...gone.map((file) => `${file}: the message is gone`)],
  };
}

/** Writes the schemas of the catalogue into a folder, and nothing else stays there. */
export function writeSchemas(folder: string): void {
  const generated = generatedSchemas();
  for (const file of readSchemas(folder).keys()) if (!generated.has(file)) rmSync(join(folder, file));
  for (const [file, { schema }] of generated) {
    writeFileSync(join(folder, file), `${JSON.stringify(schema, null, 2)}\n`);
  }
}

/** The schemas of the catalogue, by the names of their files. */
function generatedSchemas(): Map<string, SchemaFile> {
  return new Map(
    CATALOGUE.map((entry) => {
      const { name, role } = entry;
      return [`${name}.v1.json`, { name, role, schema: jsonSchemaOf(entry) }];
    }),
  );
}

function readSchemas(folder: string): Map<string, JsonObject> {
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  return new Map(
    files.map((file) => {
      const schema: unknown = JSON.parse(readFileSync(join(folder, file), "utf8"));
      return [file, isJsonObject(schema) ? schema : {}];
    }),
  );
}
