import type { Output } from "../world.ts";

/** The escape sequences of our own colours, and whatever else a terminal obeys instead of showing it, but for tab and newline. */
const OBEYED =
  /(\p{Cc}\[(?:1|2|22|31|32|33|39)m)|(?![\t\n])[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const ESCAPE = "\u001b";

const plain = new WeakMap<Output, Output>();

/**
 * A text in which nothing moves the cursor, colours, hides or turns around what stands beside it: names, values and error
 * texts are written by others. Control characters and those that set the direction of text become `\uXXXX`, as in JSON.
 * Tabs, newlines and our own colours stay.
 */
export function visible(text: string): string {
  return text.replace(OBEYED, (found, colour: string | undefined) =>
    colour?.startsWith(ESCAPE) === true ? colour : `${written(found)}${found.slice(1)}`,
  );
}

/** As {@link visible}, on one line, for what stands in a list, a table or a sentence. */
export function oneLine(text: string): string {
  return visible(text).replace(/\t/g, "\\t").replace(/\n/g, "\\n");
}

/** A stream of which everything that is written to it is {@link visible}. */
export function guarded(output: Output): Output {
  const guard = new Proxy(output, {
    get: (target, name) => {
      if (name === "write") return (text: string) => target.write(visible(text));
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
  plain.set(guard, output);
  return guard;
}

/** The stream behind a guard, for what moves the cursor itself; it then has to make {@link visible} what it writes. */
export function unguarded(output: Output): Output {
  return plain.get(output) ?? output;
}

function written(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
