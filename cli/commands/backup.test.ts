import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { openEmbedded } from "../../shared/adapters/embedded/index.ts";
import { jsonLines } from "../../shared/migrations/artifact-lines.ts";
import { partsOf, writeIndex } from "../../shared/migrations/backup/index-file.ts";
import { MIGRATIONS } from "../../shared/migrations/registry.ts";
import { type Answer, type FakeWorld, fakeWorld, runIn } from "../testing/fake-world.ts";

const RUN = "backup-1a2b3c4d";

/** Puts a backup of one pool into the store. */
async function keepBackup(world: FakeWorld, run = RUN, { finished = true } = {}): Promise<void> {
  const { artifacts, close } = openEmbedded(world.store, { clock: world.clock });
  const ref = { apiVersion: "crd.projectcalico.org/v1", plural: "ippools" };
  const object = { apiVersion: ref.apiVersion, kind: "IPPool", metadata: { name: "a" } };
  await artifacts.write(`runs/${run}/backup/kubernetes-000000.ndjson`, jsonLines([{ ref, object }]));
  const takenAt = "2026-11-30T12:00:00.000Z";
  const parts = await partsOf(artifacts, run);
  if (finished) await writeIndex(artifacts, { version: 1, run, cluster: "prod", takenAt, parts });
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
      new RegExp(`next: calico-migrator restore ${RUN} --side kubernetes --kubeconfig FILE --store`),
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
    assert.match(named.stderr, /\(BACKUP_FOLDER_INVALID\)/, "both are told");
  });
});

/** Fails unless a command was refused with this code and advice. */
function assertRefused({ code, stderr }: Answer, wanted: string, next: RegExp): void {
  assert.notEqual(code, 0);
  assert.ok(stderr.includes(`(${wanted})\nnext: `), stderr);
  assert.match(stderr.slice(stderr.indexOf("next: ")), next);
}

async function succeeds(answer: Promise<Answer>): Promise<string> {
  const { code, stdout, stderr } = await answer;
  assert.equal(code, 0, stderr);
  return stdout;
}

/** A run `backup`, as `get` lists it. */
async function backupRun(world: FakeWorld): Promise<string> {
  await succeeds(runIn(world, "backup", "--kubeconfig", world.kubeconfig, "-q"));
  return (await succeeds(runIn(world, "get", "-o", "name"))).trim().replace(/^run\//, "");
}

describe("a backup that cannot be exported", () => {
  test("for there is none of that name (BACKUP_NOT_FOUND): a run that `get` lists has one", async (t) => {
    const world = fakeWorld(t, { backups: true });
    const run = await backupRun(world);
    await keepBackup(world, run);
    const refused = await runIn(world, "backup", "export", "other", "x");
    assertRefused(refused, "BACKUP_NOT_FOUND", /`calico-migrator get --store [^`]*`/);
    await succeeds(runIn(world, "backup", "export", run, "x"));
  });

  test("for it did not come to its end (BACKUP_UNFINISHED): another one is made, and exported", async (t) => {
    const world = fakeWorld(t, { backups: true });
    await keepBackup(world, "backup-broken", { finished: false });
    const refused = await runIn(world, "backup", "export", "backup-broken", "x");
    assertRefused(
      refused,
      "BACKUP_UNFINISHED",
      /^next: Make another one with `calico-migrator backup --store [^`]*`/,
    );
    const run = await backupRun(world);
    await keepBackup(world, run);
    await succeeds(runIn(world, "backup", "export", run, "x"));
  });

  test("to a folder with something in it (BACKUP_FOLDER_NOT_EMPTY) is to one that is empty, or new", async (t) => {
    const world = fakeWorld(t);
    await keepBackup(world);
    const refused = await runIn(world, "backup", "export", RUN, ".");
    assertRefused(refused, "BACKUP_FOLDER_NOT_EMPTY", /a folder that is empty, or does not exist yet/);
    mkdirSync(join(world.folder, "empty"));
    for (const folder of ["empty", "new"]) await succeeds(runIn(world, "backup", "export", RUN, folder));
  });
});

describe("a folder that cannot be imported", () => {
  const POOLS = "kubernetes/crd.projectcalico.org_v1/ippools.yaml";

  async function exported(
    t: TestContext,
  ): Promise<{ folder: string; bring: (...words: string[]) => Promise<Answer> }> {
    const [world, other] = [fakeWorld(t), fakeWorld(t)];
    await keepBackup(world);
    const folder = join(world.folder, "exported");
    await succeeds(runIn(world, "backup", "export", RUN, folder));
    return { folder, bring: (...words) => runIn(other, "backup", "import", ...words) };
  }

  test("that has no name (USAGE) is the present one only where that is said", async (t) => {
    const world = fakeWorld(t);
    for (const words of [
      ["import", ""],
      ["export", "backup-1", ""],
    ])
      assertRefused(
        await runIn(world, "backup", ...words),
        "USAGE",
        /^next: Name the folder; `\.` is the one/,
      );
    assertRefused(await runIn(world, "backup", "import", "."), "BACKUP_FOLDER_INVALID", /backup export/);
  });

  test("whose option has lost its value does not take the next option for it", async (t) => {
    const world = fakeWorld(t);
    const { code, stderr } = await runIn(world, "start", "--plan");
    assert.deepEqual(
      [code, /'--store' is invalid\. It looks like an option/.test(stderr)],
      [2, true],
      stderr,
    );
  });

  test("for it is not there, or none (BACKUP_FOLDER_INVALID): one that `backup export` has written is", async (t) => {
    const { folder, bring } = await exported(t);
    for (const wrong of [join(folder, "nowhere"), join(folder, "kubernetes")])
      assertRefused(
        await bring(wrong),
        "BACKUP_FOLDER_INVALID",
        /`calico-migrator backup export` has written/,
      );
    await succeeds(bring(folder));
  });

  test("for it was changed (BACKUP_FOLDER_CHANGED) is as it was kept, or with --accept-changes", async (t) => {
    const { folder, bring } = await exported(t);
    const kept = `${folder}-kept`;
    cpSync(folder, kept, { recursive: true });
    const file = join(folder, POOLS);
    writeFileSync(file, readFileSync(file, "utf8").replace('"a"', '"b"'));
    assertRefused(
      await bring(folder),
      "BACKUP_FOLDER_CHANGED",
      /from where it was kept; or give --accept-changes/,
    );
    await succeeds(bring(folder, "--accept-changes", "--name", "changed"));
    await succeeds(bring(kept));
  });

  test("for a file is broken (BACKUP_FILE_INVALID) is once it is mended where that is named", async (t) => {
    const { folder, bring } = await exported(t);
    const file = join(folder, POOLS);
    const good = readFileSync(file, "utf8");
    writeFileSync(file, `${good}---\na: [\n`);
    const refused = await bring(folder, "--accept-changes");
    assertRefused(refused, "BACKUP_FILE_INVALID", /Mend the files where they are named, then import again/);
    assert.ok(refused.stderr.includes(`${POOLS}:`), refused.stderr);
    writeFileSync(file, good);
    await succeeds(bring(folder));
  });

  test("for it is in the store already (BACKUP_EXISTS) is under a name of its own", async (t) => {
    const { folder, bring } = await exported(t);
    await succeeds(bring(folder));
    assertRefused(await bring(folder), "BACKUP_EXISTS", /a name of its own with --name NAME/);
    await succeeds(bring(folder, "--name", "again"));
  });

  test("without its run leaves the cluster open (RESTORE_CLUSTER_MISSING), which --kubeconfig says", async (t) => {
    const world = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
    await keepBackup(world);
    const restore = (...words: string[]) => runIn(world, "restore", RUN, "--side", "kubernetes", ...words);
    assertRefused(await restore(), "RESTORE_CLUSTER_MISSING", /--kubeconfig FILE or --cluster NAME/);
    await succeeds(restore("--kubeconfig", world.kubeconfig, "--no-wait"));
    const other = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
    await keepBackup(other);
    await succeeds(runIn(other, "clusters", "add", "mine", "--kubeconfig", other.kubeconfig));
    await succeeds(runIn(other, "restore", RUN, "--side", "kubernetes", "--cluster", "mine", "--no-wait"));
  });
});
