import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { z } from "zod";
import { FUNCTION_NAMES } from "../functions/bundle.ts";
import { bundledCode } from "./bundles.ts";
import { testApp } from "./testing/synthesized.ts";

const Assets = z.object({
  files: z.record(z.string(), z.object({ source: z.object({ path: z.string() }) })),
});

describe("the synthesized app", () => {
  let folder: string;
  let assembly: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "synthesized-"));
    const code = await bundledCode(join(folder, "bundles"));
    assembly = testApp({}, { code, outdir: join(folder, "out") }).app.synth().directory;
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("carries a bundle for each function, and what it needs no account or region for", async () => {
    const text = await readFile(join(assembly, "CalicoMigrator.assets.json"), "utf8");
    const folders = Object.values(Assets.parse(JSON.parse(text)).files)
      .map(({ source }) => source.path)
      .filter((path) => path.startsWith("asset."));
    assert.equal(folders.length, FUNCTION_NAMES.length);
    for (const path of folders) {
      const files = await readdir(join(assembly, path));
      assert.ok(files.includes("index.mjs"), `${path} has ${files.join(", ")}`);
    }
    const manifest = await readFile(join(assembly, "manifest.json"), "utf8");
    assert.match(manifest, /aws:\/\/unknown-account\/unknown-region/);
  });
});
