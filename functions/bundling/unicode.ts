import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

/** The tables that are left out: those of categories and scripts. How cases fold is more than the engine tells. */
const TABLES = /(static (?:CATEGORIES|SCRIPTS) = new LazyMap\()\{([\s\S]+?)\n\t\}/g;

/** The name of one of them. */
const NAME = /^\t\t(\w+): \(\) =>/gm;

/** Asks the engine what has a property. Two surrogates would be another character: they are asked about apart. */
const ASK = `
const asEngineHas = (properties) =>
  Object.fromEntries(properties.split(" ").map((one) => [one.split("=").at(-1), () => askEngine(one)]));

let characters;

function askEngine(property) {
  characters ??= [[0, 0xdbff], [0xdc00, 0xffff], [0x10000, 0x10ffff]].map(([first, last]) => {
    let text = "";
    for (let code = first; code <= last; code += 1) text += String.fromCodePoint(code);
    return { first, text, units: first > 0xffff ? 2 : 1 };
  });
  const ranges = [];
  for (const { first, text, units } of characters) {
    for (const { 0: run, index } of text.matchAll(new RegExp("\\\\p{" + property + "}+", "gu"))) {
      const from = first + index / units;
      ranges.push(from, from + run.length / units - 1);
    }
  }
  return new UnicodeRangeTable(ranges, true);
}
`;

/** re2js without its tables of Unicode: what patterns hardly ever name, the engine knows as well. */
export function unicodeOfEngine(): Plugin {
  return {
    name: "unicode-of-engine",
    setup: (build) => {
      build.onLoad({ filter: /\/re2js\/build\/index\.js$/ }, async ({ path }) => ({
        contents: withoutTables(await readFile(path, "utf8")),
      }));
    },
  };
}

/** The source of re2js, asking the engine. Throws for a source that keeps its tables in another way. */
export function withoutTables(source: string): string {
  const slim = source.replaceAll(TABLES, (_, map: string, tables: string) => {
    const properties = [...tables.matchAll(NAME)].map(([, name = ""]) => propertyOf(name));
    return `${map}asEngineHas("${properties.join(" ")}")`;
  });
  if (slim === source) throw new Error("re2js keeps its tables of Unicode in another way now");
  return ASK + slim;
}

/** A property as the engine names it. */
function propertyOf(name: string): string {
  const property = [`gc=${name}`, `sc=${name}`, name].find(isProperty);
  if (property === undefined) throw new Error(`re2js has a property that the engine has not: ${name}`);
  return property;
}

function isProperty(text: string): boolean {
  try {
    return new RegExp(`\\p{${text}}`, "u") instanceof RegExp;
  } catch {
    return false;
  }
}
