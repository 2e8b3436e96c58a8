import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Which test brings an error about, does what it says, and sees that one gets further. */
export type Followed = Readonly<Record<string, readonly [test: string, title: string]>>;

/** The folder of the whole project. */
export const ROOT = join(import.meta.dirname, "..", "..", "..");

const SOURCES = "{cdk,cli,events,functions,shared}/**/*.ts";
const NO_SOURCE = /\.test\.ts$|\/(testing|contract)\/|\/(node_modules|cdk\.out)\//;

/** Where an error is made with its code, or a code is handed to whoever makes the error. */
const MADE = new RegExp(
  [
    String.raw`(?:new \w*Error|super)\(\s*"(?<code>[A-Z][A-Z_]+)"`,
    String.raw`\b(?:code = |lockedByOther: |NONE_FITS = |conclude\(.*, )"(?<handed>[A-Z][A-Z_]+)"`,
    String.raw`\b(?<!function )usageError\(`,
  ].join("|"),
  "g",
);
/** A code in a table of what is said. */
const TABLED = /\bcode: "([A-Z][A-Z_]+)"/g;
/** An error whose code is not written where it is made. */
const UNSEEN = /new (?:Migrator|KubernetesApi)Error\(\s*(?!")([^\s"][^,\n]*)/g;

/**
 * Every error with advice in the code, as `FILE CODE`: a second one in a file, with advice of its own, is `FILE CODE 2`.
 * Nobody can add one without being seen here.
 */
export function errorsInCode(): string[] {
  return sources().flatMap(([file, text]) => {
    const made = Array.from(text.matchAll(MADE), ({ groups = {}, index }) => ({
      index,
      code: groups["code"] ?? groups["handed"] ?? "USAGE",
    }));
    const tabled = Array.from(text.matchAll(TABLED), ({ 1: code, index }) => ({
      index,
      code: /\bnext\b\s*[:,}]/.test(objectAround(text, index)) ? code : undefined,
    }));
    const codes = [...made, ...tabled].sort((a, b) => a.index - b.index).flatMap(({ code }) => code ?? []);
    return codes.map((code, at) => {
      const before = codes.slice(0, at).filter((one) => one === code).length;
      return `${file} ${code}${before === 0 ? "" : ` ${before + 1}`}`;
    });
  });
}

/** Where an error is made with a code that is said elsewhere, as `FILE EXPRESSION`. */
export function codesFromElsewhere(): string[] {
  return sources().flatMap(([file, text]) =>
    Array.from(text.matchAll(UNSEEN), ([, expression = ""]) => `${file} ${expression}`),
  );
}

function sources(): [file: string, text: string][] {
  return globSync(SOURCES, { cwd: ROOT })
    .filter((file) => !NO_SOURCE.test(file))
    .sort()
    .map((file) => [file, readFileSync(join(ROOT, file), "utf8")]);
}

/** The text of the innermost braces around a place. */
function objectAround(text: string, index: number): string {
  const from = brace(text, index, -1);
  return text.slice(from, brace(text, from + 1, 1));
}

/** The brace that encloses a place, looked for in one direction. */
function brace(text: string, from: number, step: 1 | -1): number {
  const [enclosing, inner] = step === 1 ? ["}", "{"] : ["{", "}"];
  let depth = 0;
  for (let at = from; at >= 0 && at < text.length; at += step) {
    if (text[at] === enclosing && depth-- === 0) return at;
    if (text[at] === inner) depth++;
  }
  return -1;
}
