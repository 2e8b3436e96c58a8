import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { openEmbedded } from "../../shared/adapters/embedded/index.ts";
import { jsonLines } from "../../shared/migrations/artifact-lines.ts";
import { partsOf, writeIndex } from "../../shared/migrations/backup/index-file.ts";
import { type FakeWorld, fakeWorld, runIn } from "../testing/fake-world.ts";

const RUN = "backup-1a2b3c4d";

/** Puts a backup of one pool into the store. */
async function keepBackup(world: FakeWorld): Promise<void> {
  const { artifacts, close } = openEmbedded(world.store, { clock: world.clock });
  const ref = { apiVersion: "crd.projectcalico.org/v1", plural: "ippools" };
  const object = { apiVersion: ref.apiVersion, kind: "IPPool", metadata: { name: "a" } };
  await artifacts.write(`runs/${RUN}/backup/kubernetes-000000.ndjson`, jsonLines([{ ref, object }]));
  const takenAt = "2026-11-30T12:00:00.000Z";
  const parts = await partsOf(artifacts, RUN);
  await writeIndex(artifacts, { version: 1, run: RUN, cluster: "prod", takenAt, parts });
  close();
}

describe("backup export and import", () => {
  test("carry a backup from one store into another, which then needs to be told the cluster", async (t) => {
    const [world, other] = [fakeWorld(t), fakeWorld(t)];
    await keepBackup(world);
    const folder = join(world.folder, "exported");
    const exported = await runIn(world, "backup", "export", RUN, "exported");
    assert.deepEqual([exported.code, exported.stdout], [0, `${RUN}: 1 resources in 3 files of ${folder}\n`]);

    const imported = await runIn(other, "backup", "import", folder);
    assert.equal(imported.code, 0, imported.stderr);
    assert.match(
      imported.stdout,
      new RegExp(`next: calico-migrator restore ${RUN} --side kubernetes --store`),
    );
    const restored = await runIn(other, "restore", RUN, "--side", "kubernetes");
    assert.match(restored.stderr, /\(RESTORE_CLUSTER_MISSING\)/);
  });

  test("refuse what is no backup, and a name that is none", async (t) => {
    const world = fakeWorld(t);
    await keepBackup(world);
    assert.match((await runIn(world, "backup", "export", "other", "x")).stderr, /\(BACKUP_NOT_FOUND\)/);
    assert.match((await runIn(world, "backup", "import", "nowhere")).stderr, /\(BACKUP_FOLDER_INVALID\)/);
    const named = await runIn(world, "backup", "import", ".", "--name", "a/b");
    assert.deepEqual([named.code, /--name: must be letters/.test(named.stderr)], [2, true]);
  });
});
