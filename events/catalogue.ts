import { z } from "zod";
import type { JsonObject } from "../shared/json.ts";
import { COMMAND_SCHEMAS } from "./commands.ts";
import { EVENT_SCHEMAS } from "./domain.ts";
import { WorkBody } from "./work.ts";

/** What a message is for: `work` and `command` are read by us, `event` by others. */
export type MessageRole = "work" | "command" | "event";

/** A message of the wire contract. */
export interface CatalogueEntry {
  name: string;
  role: MessageRole;
  schema: z.ZodType;
}

/** Every message of the wire contract. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  ...WorkBody.options.map((schema) => ({ name: schema.shape.type.value, role: "work" as const, schema })),
  ...entries(COMMAND_SCHEMAS, "command"),
  ...entries(EVENT_SCHEMAS, "event"),
];

/** The JSON Schema (draft 2020-12) of a message: what a sender has to write. */
export function jsonSchemaOf({ name, schema }: CatalogueEntry): JsonObject {
  const generated = z.toJSONSchema(schema, { io: "input", override: simplify });
  const { $schema, ...rest } = JSON.parse(JSON.stringify(generated)) as JsonObject;
  return { $schema, title: name, ...rest };
}

/** The pattern of a time says less to a reader than the name of its format. */
function simplify({ jsonSchema }: { jsonSchema: { format?: string; pattern?: string } }): void {
  if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
}

function entries(schemas: Readonly<Record<string, z.ZodType>>, role: MessageRole): CatalogueEntry[] {
  return Object.entries(schemas).map(([name, schema]) => ({ name, role, schema }));
}
