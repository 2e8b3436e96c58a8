import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

/**
 * AWS's clients, so that what functions do not use of them can be left out: the schemas of all other operations, and what
 * packages say of themselves besides their version.
 */
export function slimSdk(): Plugin {
  return {
    name: "slim-sdk",
    setup: (build) => {
      build.onLoad({ filter: /@aws-sdk\/.+\/schemas\/schemas_\d+\.js$/ }, async ({ path }) => ({
        contents: withPlainKeys(await readFile(path, "utf8")),
      }));
      build.onLoad(
        { filter: /(@aws-sdk\/[^/]+|@grpc\/grpc-js|aws-xray-sdk-core)\/package\.json$/ },
        async ({ path }) => {
          const { name, version } = JSON.parse(await readFile(path, "utf8")) as {
            name: string;
            version: string;
          };
          return { contents: JSON.stringify({ name, version }), loader: "json" };
        },
      );
    },
  };
}

/**
 * Keys that are constants, `{ [_h]: … }`, as what they stand for. A bundler has to keep every object that computes a key, used
 * or not, as computing it could do something.
 */
function withPlainKeys(source: string): string {
  const constants = new Map(
    [...source.matchAll(/^const (\w+) = ("[^"]*");$/gm)].map(([, name, text]) => [name, text]),
  );
  return source.replaceAll(/\[(\w+)\]:/g, (key, name: string) => {
    const text = constants.get(name);
    return text === undefined ? key : `${text}:`;
  });
}
