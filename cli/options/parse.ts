import type { z } from "zod";
import { usageError } from "../failures.ts";
import { optionName } from "./names.ts";

/** Parses options whose values commander does not judge. Throws USAGE, naming the option. */
export function parseFlags<T>(schema: z.ZodType<T>, flags: unknown): T {
  const parsed = schema.safeParse(flags);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const name = optionName(String(issue?.path[0] ?? ""));
  throw usageError(`${name}: ${issue?.message ?? "is invalid"}`, "See the command's --help.");
}
