import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { build, type BuildOptions } from "esbuild";
import { BUNDLING } from "../bundle.ts";

const CLIENTS = ["s3", "dynamodb", "sqs", "scheduler"];
const folderOf = (client: string): string =>
  dirname(createRequire(import.meta.url).resolve(`@aws-sdk/client-${client}/package.json`));

/** What a client's schemas are once they are bundled. */
async function bundledSchemas(client: string, outdir: string, options: BuildOptions): Promise<unknown> {
  const file = join(folderOf(client), "dist-es", "schemas", "schemas_0.js");
  await build({ ...BUNDLING, ...options, entryPoints: { [client]: file }, outdir });
  const exported = (await import(pathToFileURL(join(outdir, `${client}.mjs`)).href)) as object;
  return JSON.parse(JSON.stringify(exported));
}

test("schemas of AWS's clients mean in a bundle what they mean outside", async () => {
  const folder = await mkdtemp(join(tmpdir(), "schemas-"));
  try {
    for (const client of CLIENTS) {
      const slim = await bundledSchemas(client, join(folder, "slim"), {});
      const whole = await bundledSchemas(client, join(folder, "whole"), { plugins: [] });
      assert.ok(JSON.stringify(whole).length > 1000, `${client} has schemas`);
      assert.deepEqual(slim, whole);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("operations that nobody uses are left out of a bundle", async () => {
  const contents = 'export { GetObjectCommand } from "@aws-sdk/client-s3";';
  const stdin = { contents, resolveDir: import.meta.dirname };
  const { outputFiles } = await build({ ...BUNDLING, stdin, outdir: "out", write: false });
  const text = outputFiles.map((output) => output.text).join("\n");
  assert.match(text, /x-id=GetObject/);
  assert.doesNotMatch(text, /PutBucketLifecycleConfiguration/);
});
