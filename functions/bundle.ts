import { join } from "node:path";
import { build, type BuildOptions, type Metafile } from "esbuild";
import { SLIM } from "./bundling/slim.ts";

/** The functions, by the names of their folders. */
export const FUNCTION_NAMES = ["run", "batch", "rollback", "wake", "dead-letter"] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

/** The handler of every bundle, as Lambda names it. */
export const HANDLER = "index.handler";

/** How a function is bundled: modules for Node 24, with everything that they use, and loaded only when it is used. */
export const BUNDLING = {
  bundle: true,
  minify: true,
  format: "esm",
  splitting: true,
  platform: "node",
  target: "node24",
  mainFields: ["module", "main"],
  outExtension: { ".js": ".mjs" },
  chunkNames: "chunks/[name]-[hash]",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  // Packages in the older format call these.
  banner: {
    js: 'import{createRequire as newRequire}from"node:module";const require=newRequire(import.meta.url),__dirname=import.meta.dirname,__filename=import.meta.filename;',
  },
  // Tells undici that it is bundled: it leaves out a second parser.
  define: { esbuildDetection: "true" },
  plugins: [...SLIM],
} as const satisfies BuildOptions;

/** A function's bundle. */
export interface Bundle {
  /** The folder to deploy. */
  folder: string;
  /** What it is made of. */
  metafile: Metafile;
}

/** Bundles a function into a folder of its name under `into`. */
export async function bundleFunction(name: FunctionName, into: string): Promise<Bundle> {
  const folder = join(into, name);
  const entry = join(import.meta.dirname, name, "index.ts");
  const { metafile } = await build({ ...BUNDLING, entryPoints: { index: entry }, outdir: folder });
  return { folder, metafile };
}
