import { styleText } from "node:util";
import type { Output, World } from "../world.ts";

/** What colours mean here. */
const STYLES = {
  good: "green",
  bad: "red",
  attention: "yellow",
  faint: "dim",
  strong: "bold",
} as const;

/** Colours a text by what it means, or leaves it as it is. */
export type Paint = (meaning: keyof typeof STYLES, text: string) => string;

/** Leaves every text as it is. */
export const plainPaint: Paint = (_, text) => text;

/**
 * Colours for one stream: only on a terminal, and neither with --no-color nor with NO_COLOR set (https://no-color.org).
 */
export function paintFor(world: Pick<World, "env">, stream: Output, wanted: boolean): Paint {
  const refused = !wanted || (world.env["NO_COLOR"] ?? "") !== "" || world.env["TERM"] === "dumb";
  if (refused || stream.isTTY !== true) return plainPaint;
  return (meaning, text) => styleText(STYLES[meaning], text, { validateStream: false });
}
