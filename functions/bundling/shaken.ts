import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";

const here = createRequire(import.meta.url);

/**
 * zod, without what nobody uses of it: a bundler keeps all of `z` where a module hands it on as one value, and drops what is
 * not named where `z` is the module itself. Both have the same names.
 */
export function shakenZod(): Plugin {
  return {
    name: "shaken-zod",
    setup: (build) => {
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        return {
          contents: source.replace('import { z } from "zod"', 'import * as z from "zod"'),
          loader: "ts",
        };
      });
    },
  };
}

/** yaml as modules, which are made from the same sources as what Node loads: a bundler drops of them what nobody uses. */
export function shakenYaml(): Plugin {
  const path = join(dirname(here.resolve("yaml/package.json")), "browser", "dist", "index.js");
  return {
    name: "shaken-yaml",
    setup: (build) => {
      build.onResolve({ filter: /^yaml$/ }, () => ({ path, sideEffects: false }));
    },
  };
}
