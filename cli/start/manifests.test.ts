import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, test, type TestContext } from "node:test";
import { openEmbedded } from "../../shared/adapters/embedded/index.ts";
import type { ArtifactStore } from "../../shared/engine/ports.ts";
import { loadManifests, parseManifests } from "../../shared/kubernetes/manifests.ts";
import type { Context } from "../../shared/migrations/etcd-to-kubernetes/context.ts";
import { readManifest } from "../../shared/migrations/etcd-to-kubernetes/manifest.ts";
import { readCrdManifest } from "../../shared/migrations/apiserver-to-crds/manifest.ts";
import { MIGRATIONS } from "../../shared/migrations/registry.ts";
import { type FakeWorld, fakeWorld, runIn } from "../testing/fake-world.ts";
import { storeManifest } from "./manifests.ts";

const CONFIG = `
apiVersion: v1
kind: ConfigMap
metadata: { name: calico-config, namespace: kube-system }
data: { veth_mtu: "0", typha: "yes", number: "1e3" }
`;

function artifactsOf(t: TestContext): { world: FakeWorld; artifacts: ArtifactStore } {
  const world = fakeWorld(t);
  const embedded = openEmbedded(world.store, { clock: world.clock });
  t.after(() => {
    embedded.close();
  });
  return { world, artifacts: embedded.artifacts };
}

describe("a manifest of a run on this machine", () => {
  test("is the one that was there at the start, whatever becomes of the file", async (t) => {
    const world = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
    const file = join(world.folder, "crds.yaml");
    writeFileSync(file, CONFIG);
    const line = [
      "start",
      "apiserver-to-crds",
      "--kubeconfig",
      world.kubeconfig,
      "--crds",
      file,
      "--no-wait",
    ];
    const started = await runIn(world, ...line);
    assert.equal(started.code, 0, started.stderr);
    assert.match(started.stderr, /--crds: \S+crds.yaml is kept as it is now, as artifact:manifests/);
    const before = await loadManifests(file);
    writeFileSync(file, CONFIG.replace("calico-config", "edited"));
    const embedded = openEmbedded(world.store, { clock: world.clock });
    t.after(() => {
      embedded.close();
    });
    const { options } = (await embedded.store.listRuns({ limit: 1 })).items[0] ?? {};
    const context = { artifacts: embedded.artifacts, options } as unknown as Parameters<
      typeof readCrdManifest
    >[0];
    assert.deepEqual(await readCrdManifest(context), before);
    rmSync(file);
    assert.deepEqual(await readCrdManifest(context), before);
  });
});

describe("a manifest for functions", () => {
  test("is one artifact named after its content, which the migration reads as it would read the files", async (t) => {
    const { world, artifacts } = artifactsOf(t);
    const folder = join(world.folder, "calico");
    mkdirSync(folder);
    writeFileSync(join(folder, "1.yaml"), CONFIG);
    writeFileSync(join(folder, "2.yaml"), CONFIG.replace("calico-config", "other"));
    const source = await storeManifest(artifacts, folder);
    assert.match(source, /^artifact:manifests\/[0-9a-f]{64}\.yaml$/);
    assert.equal(await storeManifest(artifacts, folder), source);
    const context = { artifacts, options: { manifest: source } } as unknown as Context;
    assert.deepEqual(await readManifest(context), await loadManifests(folder));
    const text = (await buffer(artifacts.read(source.slice("artifact:".length)))).toString("utf8");
    assert.equal(parseManifests("it", [{ name: "it", text }]).length, 2);
  });

  test("is read from nowhere else by a service", async (t) => {
    const { artifacts } = artifactsOf(t);
    for (const manifest of ["/etc/passwd", "http://127.0.0.1:9001/", "https://example.com/calico.yaml"]) {
      const context = { artifacts, connections: {}, options: { manifest } } as unknown as Context;
      await assert.rejects(readManifest(context), { code: "MANIFEST_SOURCE_REFUSED" });
    }
  });

  test("is not stored with a Secret in it", async (t) => {
    const { world, artifacts } = artifactsOf(t);
    const file = join(world.folder, "a.yaml");
    writeFileSync(file, CONFIG.replace("ConfigMap", "Secret"));
    await assert.rejects(storeManifest(artifacts, file), { code: "MANIFEST_HAS_SECRET" });
    assert.deepEqual(await artifacts.list(""), []);
  });

  test("that is missing as an artifact is told by its name, and one that `manifests` lists is read", async (t) => {
    const { world, artifacts } = artifactsOf(t);
    const contextOf = (manifest: string) => ({ artifacts, options: { manifest } }) as unknown as Context;
    await assert.rejects(readManifest(contextOf("artifact:manifests/x.yaml")), {
      code: "ARTIFACT_NOT_FOUND",
      message: /manifests\/x\.yaml/,
      next: /`calico-migrator manifests` the manifests/,
    });
    writeFileSync(join(world.folder, "a.yaml"), CONFIG);
    await storeManifest(artifacts, join(world.folder, "a.yaml"));
    const { stdout } = await runIn(world, "manifests", "-o", "name");
    assert.equal((await readManifest(contextOf(stdout.trim()))).length, 1);
  });
});
