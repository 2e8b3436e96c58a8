import Table from "cli-table3";
import { oneLine } from "./escape.ts";

const NO_BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "   ",
};

/** Rows under upper-case heads, in columns without borders, as kubectl prints them. Ends with a newline. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const printed = new Table({
    chars: NO_BORDERS,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [], compact: true },
  });
  printed.push([...head], ...rows.map((row) => row.map(oneLine)));
  const lines = printed.toString().split("\n");
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}
