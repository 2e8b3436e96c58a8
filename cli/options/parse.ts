import type { z } from "zod";
import { usageError } from "../failures.ts";
import { optionName } from "./names.ts";

/** Parses options whose values commander does not judge. Throws USAGE, naming the option. */
export function parseFlags<T>(schema: z.ZodType<T>, flags: unknown): T {
  const parsed = schema.safeParse(flags);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const [flag = "", ...within] = issue?.path ?? [];
  const value = within.length === 0 ? "" : `${JSON.stringify(valueAt(flags, issue?.path ?? []))} `;
  throw usageError(
    `${optionName(String(flag))}: ${value}${issue?.message ?? "is invalid"}`,
    "See the command's --help.",
  );
}

/** Which of several values it is. */
function valueAt(flags: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    flags,
  );
}
