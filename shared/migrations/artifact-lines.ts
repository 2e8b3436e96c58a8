import type { ZodType } from "zod";
import { parseExactJson } from "../exact-json.ts";

/** One JSON value a line. */
export function* jsonLines(values: Iterable<unknown>): Generator<Buffer, void> {
  for (const value of values) yield Buffer.from(`${JSON.stringify(value)}\n`);
}

/** The JSON values of a stream of lines, one at a time; a line may span chunks. */
export async function* readJsonLines<T>(
  content: AsyncIterable<Uint8Array>,
  schema: ZodType<T>,
): AsyncGenerator<T, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of content) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield schema.parse(parseExactJson(line));
  }
}

/** All JSON values of a stream of lines, for those that are small. */
export async function collectJson<T>(content: AsyncIterable<Uint8Array>, schema: ZodType<T>): Promise<T[]> {
  return Array.fromAsync(readJsonLines(content, schema));
}
