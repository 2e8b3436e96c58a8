import { median } from "./statistics.ts";

/** A table of texts under heads. */
export interface Table {
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

/** The table in Markdown, its columns aligned for the eye: the first to the left, figures to the right. */
export function renderTable({ head, rows }: Table): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const aligned = (cells: readonly string[]): string =>
    line(
      widths.map((width, column) => {
        const cell = cells[column] ?? "";
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      }),
    );
  const rule = line(
    widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)),
  );
  return [aligned(head), rule, ...rows.map(aligned), ""].join("\n");
}

/** A number for people, with `digits` after the point, and thousands set apart; `n/a` for what is not known. */
export function figure(value: number, digits = 0): string {
  if (!Number.isFinite(value)) return "n/a";
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The smallest, the middle and the largest of what was measured in several rounds. */
export function range(values: readonly number[], digits = 0): string {
  if (values.length === 0) return "n/a";
  return [Math.min(...values), median(values), Math.max(...values)]
    .map((value) => figure(value, digits))
    .join(" / ");
}

/** Milliseconds as seconds. */
export function seconds(ms: number): string {
  return figure(ms / 1000, 2);
}

/** Bytes as mebibytes. */
export function mebibytes(bytes: number): string {
  return figure(bytes / 1024 ** 2);
}
