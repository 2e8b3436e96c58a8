import { parseArgs } from "node:util";
import { SCHEMA_FOLDER, schemaChanges, writeSchemas } from "./schema-files.ts";

/**
 * Writes the JSON Schemas of all messages, unless they break those that are there: `--accept-breaking` writes them even
 * so, for messages that nobody can have used yet. Returns the exit code.
 */
export function generate(
  args: readonly string[],
  folder = SCHEMA_FOLDER,
  print: (line: string) => void = console.error,
): number {
  const options = { "accept-breaking": { type: "boolean", default: false } } as const;
  const accepted = parseArgs({ args: [...args], options }).values["accept-breaking"];
  const { files, breaking } = schemaChanges(folder);
  for (const change of breaking) print(`breaking: ${change}`);
  if (breaking.length > 0 && !accepted) {
    print("Nothing was written. Give the message a new version, or run this with --accept-breaking.");
    return 1;
  }
  writeSchemas(folder);
  for (const file of files) print(`updated: ${file}`);
  return 0;
}

if (import.meta.main) process.exitCode = generate(process.argv.slice(2));
