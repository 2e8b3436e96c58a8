import { z } from "zod";
import { usageError } from "../failures.ts";
import { type FaultList, throwFaults } from "../faults.ts";
import { optionName } from "./names.ts";

/** Parses options whose values commander does not judge. Throws USAGE for each that is wrong, naming the option. */
export function parseFlags<T>(schema: z.ZodType<T>, flags: unknown): T {
  const parsed = schema.safeParse(flags);
  if (!parsed.success) throwFaults(parsed.error.issues.map((issue) => wrongValue(issue, flags)));
  return schema.parse(flags);
}

/** The same without the options that are wrong, which become faults: what else there is to say does not wait for them. */
export function soundFlags<T>(schema: z.ZodType<T>, flags: unknown, faults: FaultList): T {
  const parsed = schema.safeParse(flags);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  for (const issue of issues) faults.add(wrongValue(issue, flags));
  const wrong = new Set(issues.map(({ path }) => path[0]));
  const given = Object.entries(z.record(z.string(), z.unknown()).parse(flags));
  return schema.parse(Object.fromEntries(given.filter(([name]) => !wrong.has(name))));
}

function wrongValue({ path, message }: z.core.$ZodIssue, flags: unknown): Error {
  const [flag = "", ...within] = path;
  const value = within.length === 0 ? "" : `${JSON.stringify(valueAt(flags, path))} `;
  return usageError(`${optionName(String(flag))}: ${value}${message}`, "See the command's --help.");
}

/** Which of several values it is. */
function valueAt(flags: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    flags,
  );
}
