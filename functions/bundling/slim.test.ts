import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { BUNDLING } from "../bundle.ts";

interface Reflected {
  nestedArray?: Reflected[];
  fieldsArray?: { name: string }[];
}

/** The names of all fields under a part of a protocol. */
function fieldsOf({ nestedArray = [], fieldsArray = [] }: Reflected): string[] {
  return [...fieldsArray.map(({ name }) => name), ...nestedArray.flatMap(fieldsOf)];
}

// With other names etcd's client would send its requests without these fields: a read of one key for one of a range.
test("etcd's protocol is bundled with the names that its client uses for fields", async () => {
  const etcd3 = createRequire(import.meta.url).resolve("etcd3");
  const loader = createRequire(createRequire(etcd3).resolve("@grpc/proto-loader"));
  const { Root } = loader("protobufjs") as {
    Root: new () => Reflected & { loadSync(file: string, options: object): Reflected };
  };
  const file = join(dirname(etcd3), "..", "proto", "rpc.proto");
  const names = [...new Set(fieldsOf(new Root().loadSync(file, { keepCase: true })))];
  assert.ok(names.includes("range_end"), names.join(" "));

  const stdin = { contents: 'export { Etcd3 } from "etcd3";', resolveDir: import.meta.dirname };
  const { outputFiles } = await build({ ...BUNDLING, stdin, outdir: "out", write: false });
  const text = outputFiles.map((output) => output.text).join("\n");
  const missing = names.filter((name) => !new RegExp(`["{,]${name}["\\\\]*:`).test(text));

  assert.deepEqual(missing, []);
});
