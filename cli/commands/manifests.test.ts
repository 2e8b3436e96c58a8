import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Context } from "../../shared/migrations/etcd-to-kubernetes/context.ts";
import { readManifest } from "../../shared/migrations/etcd-to-kubernetes/manifest.ts";
import { withFakeStack } from "../testing/fake-stack.ts";
import { fakeWorld, runIn, runOnAws } from "../testing/fake-world.ts";

const CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: b }\n";

describe("manifests put", () => {
  test("prints the name by which functions read the manifest, and changes nothing the second time", async (t) => {
    const world = fakeWorld(t);
    const stack = withFakeStack(t, world);
    const file = join(world.folder, "calico.yaml");
    writeFileSync(file, CONFIG);
    const first = await runOnAws(world, "manifests", "put", file);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^artifact:manifests\/[0-9a-f]{64}\.yaml\n$/);
    assert.equal((await runOnAws(world, "manifests", "put", file, "-o", "name")).stdout, first.stdout);
    assert.equal((await stack.artifacts.list("")).length, 1);
    const manifest = first.stdout.trim();
    const context = { artifacts: stack.artifacts, connections: {}, options: { manifest } };
    const objects = await readManifest(context as unknown as Context);
    assert.deepEqual(
      objects.map(({ kind }) => kind),
      ["ConfigMap"],
    );
    assert.equal((await runOnAws(world, "manifests", "-o", "name")).stdout, first.stdout);
    assert.match((await runOnAws(world, "manifests")).stdout, new RegExp(`^MANIFEST.*\n${manifest}`));
    assert.deepEqual(stack.commands, []);
  });

  test("keeps no manifest with a Secret in it, until that is taken out", async (t) => {
    const world = fakeWorld(t);
    const stack = withFakeStack(t, world);
    const file = join(world.folder, "calico.yaml");
    writeFileSync(file, CONFIG.replace("ConfigMap", "Secret"));
    const refused = await runOnAws(world, "manifests", "put", file);
    assert.match(refused.stderr, /\(MANIFEST_HAS_SECRET\)\nnext: .* take it out of the manifest\./);
    assert.deepEqual(await stack.artifacts.list(""), []);
    writeFileSync(file, CONFIG);
    assert.equal((await runOnAws(world, "manifests", "put", file)).code, 0);
  });

  test("is for functions on AWS alone", async (t) => {
    const world = fakeWorld(t);
    const { code, stderr } = await runIn(world, "manifests", "put", "calico.yaml");
    assert.equal(code, 2);
    assert.match(stderr, /\(USAGE\)\nnext: Add --aws/);
  });
});
