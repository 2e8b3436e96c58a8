import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { openEmbedded } from "../../shared/adapters/embedded/index.ts";
import { SystemClock } from "../../shared/adapters/system-clock.ts";
import type { ArtifactStore } from "../../shared/engine/ports.ts";
import { parseExactJson } from "../../shared/exact-json.ts";
import { jsonLines } from "../../shared/migrations/artifact-lines.ts";
import { partsOf, writeIndex } from "../../shared/migrations/backup/index-file.ts";
import { exportBackup } from "./export.ts";
import { importBackup } from "./import.ts";

const RUN = "backup-1a2b3c4d";
const BIG =
  '{"apiVersion":"crd.projectcalico.org/v1","kind":"IPAMBlock","metadata":{"name":"b"},"spec":{"seq":1732178291123456789}}';
const OWNERS = [{ apiVersion: "v1", kind: "ConfigMap", name: "a", uid: "u-1" }];
const TIER_KEY = "/calico/resources/v3/projectcalico.org/tiers/secure";
const TIER =
  '{"kind":"Tier","apiVersion":"projectcalico.org/v3","metadata":{"name":"secure"},"spec":{"order":  1}}';

interface Bed {
  folder: string;
  artifacts: ArtifactStore;
  other: ArtifactStore;
}

async function bed(t: TestContext): Promise<Bed> {
  const base = mkdtempSync(join(tmpdir(), "calico-migrator-backup-"));
  t.after(() => {
    rmSync(base, { recursive: true, force: true });
  });
  const [one, other] = ["one", "other"].map((name) =>
    openEmbedded(join(base, `${name}.db`), { clock: new SystemClock() }),
  );
  assert.ok(one !== undefined && other !== undefined);
  t.after(() => {
    one.close();
    other.close();
  });
  const blocks = { apiVersion: "crd.projectcalico.org/v1", plural: "ipamblocks" };
  const sets = { apiVersion: "crd.projectcalico.org/v1", plural: "networksets" };
  const deletionTimestamp = "2026-12-01T00:00:00Z";
  const server = { uid: "1", resourceVersion: "7", deletionTimestamp };
  const metadata = { name: "s", namespace: "shop", ...server, ownerReferences: OWNERS };
  const objects = [
    { ref: blocks, object: parseExactJson(BIG) },
    { ref: sets, object: { apiVersion: sets.apiVersion, kind: "NetworkSet", metadata, spec: { nets: [] } } },
  ];
  const value = (text: string): string => Buffer.from(text).toString("base64");
  const keys = [
    { key: TIER_KEY, value: value(TIER), modRevision: 12 },
    { key: "/calico/ipam/v2/config", value: value('{"strict_affinity":true}'), modRevision: 13 },
    { key: "/calico/resources/v3/projectcalico.org/tiers/broken", value: value("{"), modRevision: 14 },
    ...["globalnetworkpolicies/secure.p", "clusterinformations/default", "licensekeys/default"].map(
      (name, index) => ({
        key: `/calico/resources/v3/projectcalico.org/${name}`,
        value: value("{}"),
        modRevision: 15 + index,
      }),
    ),
  ];
  await one.artifacts.write(`runs/${RUN}/backup/etcd-000000.ndjson`, jsonLines(keys));
  await one.artifacts.write(`runs/${RUN}/backup/kubernetes-000000.ndjson`, jsonLines(objects));
  const parts = await partsOf(one.artifacts, RUN);
  await writeIndex(one.artifacts, {
    version: 1,
    run: RUN,
    cluster: "prod",
    takenAt: "2026-11-30T12:00:00.000Z",
    parts,
  });
  return { folder: join(base, "exported"), artifacts: one.artifacts, other: other.artifacts };
}

const options = { acceptChanges: false, isRun: () => Promise.resolve(false) };

async function textOf(artifacts: ArtifactStore, name: string): Promise<string> {
  return Buffer.concat(await Array.fromAsync(artifacts.read(name))).toString("utf8");
}

describe("an exported backup", () => {
  test("is files that kubectl and calicoctl read, with checksums", async (t) => {
    const { folder, artifacts } = await bed(t);
    assert.deepEqual(await exportBackup(artifacts, RUN, folder), { files: 7, resources: 8 });
    const files = readdirSync(folder, { recursive: true })
      .map(String)
      .filter((name) => name.includes("."));
    assert.deepEqual(files.filter((name) => /\.[a-z]+$/.test(name)).sort(), [
      "etcd/0-tiers.yaml",
      "etcd/globalnetworkpolicies.yaml",
      "etcd/other-keys.ndjson",
      "index.json",
      "kubernetes/crd.projectcalico.org_v1/ipamblocks.yaml",
      "kubernetes/crd.projectcalico.org_v1/networksets.yaml",
    ]);
    assert.ok(readFileSync(join(folder, "etcd/0-tiers.yaml"), "utf8").includes(TIER));
    const sets = readFileSync(join(folder, "kubernetes/crd.projectcalico.org_v1/networksets.yaml"), "utf8");
    assert.match(
      sets,
      /^---\n# owners: \[.*u-1.*\]\n# being deleted: "2026-12-01T00:00:00Z"\n\{.*"name":"s","namespace":"shop"\}.*\}\n$/,
    );
    assert.equal(readFileSync(join(folder, "SHA256SUMS"), "utf8").split("\n").length, 7);
    await assert.rejects(exportBackup(artifacts, RUN, folder), { code: "BACKUP_FOLDER_NOT_EMPTY" });
  });

  test("has for calicoctl what it writes, tiers before policies in the order of names, and nothing else", async (t) => {
    const { folder, artifacts } = await bed(t);
    await exportBackup(artifacts, RUN, folder);
    const read = readdirSync(join(folder, "etcd")).filter((name) => /\.(ya?ml|json)$/.test(name));
    assert.deepEqual(read.sort(), ["0-tiers.yaml", "globalnetworkpolicies.yaml"]);
    const others = readFileSync(join(folder, "etcd/other-keys.ndjson"), "utf8");
    assert.match(others, /clusterinformations\/default.*licensekeys\/default/s);
  });

  test("is refused with a link in it, which is named", async (t) => {
    const { folder, artifacts, other } = await bed(t);
    await exportBackup(artifacts, RUN, folder);
    symlinkSync(join(folder, "etcd/other-keys.ndjson"), join(folder, "etcd/more.yaml"));
    await assert.rejects(importBackup(other, folder, options), {
      code: "BACKUP_FILE_INVALID",
      message: /etcd\/more\.yaml:1: is no plain file/,
    });
  });

  test("comes back as it was, every digit and every byte", async (t) => {
    const { folder, artifacts, other } = await bed(t);
    await exportBackup(artifacts, RUN, folder);
    const imported = { backup: RUN, resources: 8, sides: ["etcd", "kubernetes"] };
    assert.deepEqual(await importBackup(other, folder, options), imported);
    const parts = await partsOf(other, RUN);
    const text = (await Promise.all(parts.map(({ name }) => textOf(other, name)))).join("");
    for (const kept of [
      "1732178291123456789",
      Buffer.from(TIER).toString("base64"),
      Buffer.from("{").toString("base64"),
      '"uid":"u-1"',
      '"deletionTimestamp":"2026-12-01T00:00:00Z"',
    ])
      assert.ok(text.includes(kept), kept);
    // What the stack's policy for imports lets be written.
    const names = (await other.list("")).map(({ name }) => name);
    assert.ok(
      names.length > 1 && names.every((name) => name.startsWith(`runs/${RUN}/backup/`)),
      names.join(),
    );
    await assert.rejects(importBackup(other, folder, options), { code: "BACKUP_EXISTS" });
    assert.equal((await importBackup(other, folder, { ...options, name: "again" })).backup, "again");
  });

  test("is refused where it was changed, unless that was meant; a file may be edited as YAML", async (t) => {
    const { folder, artifacts, other } = await bed(t);
    await exportBackup(artifacts, RUN, folder);
    const file = join(folder, "kubernetes/crd.projectcalico.org_v1/networksets.yaml");
    const edited =
      "apiVersion: crd.projectcalico.org/v1\nkind: NetworkSet\nmetadata:\n  name: s\n  namespace: shop\nspec:\n  nets: [10.0.0.0/8]\n";
    writeFileSync(file, edited);
    await assert.rejects(importBackup(other, folder, options), {
      code: "BACKUP_FOLDER_CHANGED",
      message: /networksets\.yaml/,
    });
    await importBackup(other, folder, { ...options, acceptChanges: true });
    const text = await textOf(other, `runs/${RUN}/backup/kubernetes-000000.ndjson`);
    assert.match(text, /10\.0\.0\.0\/8/);
  });

  test("names every fault with its file and line, and imports nothing", async (t) => {
    const { folder, artifacts, other } = await bed(t);
    await exportBackup(artifacts, RUN, folder);
    const sets = "kubernetes/crd.projectcalico.org_v1/networksets.yaml";
    writeFileSync(join(folder, sets), '---\n{"metadata":{}}\n---\na: [\n');
    writeFileSync(
      join(folder, "etcd/other-keys.ndjson"),
      '{"key":"/registry/secrets/a","value":"","modRevision":1}\n',
    );
    writeFileSync(join(folder, "etcd/0-tiers.yaml"), "---\n{}\n");
    const rejected = importBackup(other, folder, { ...options, acceptChanges: true });
    await assert.rejects(rejected, ({ code, message }: { code: string; message: string }) => {
      assert.equal(code, "BACKUP_FILE_INVALID");
      assert.match(message, new RegExp(`${sets}:2: object.metadata.name`));
      assert.match(message, new RegExp(`${sets}:[45]: `));
      assert.match(message, /etcd\/other-keys\.ndjson:1: key: must begin with \/calico\//);
      assert.match(message, /etcd\/0-tiers\.yaml:2: the line "# key: …" before it is missing/);
      return true;
    });
    assert.deepEqual(await partsOf(other, RUN), []);
  });

  test("brings nothing into a cluster that is not Calico's", async (t) => {
    const { folder, artifacts, other } = await bed(t);
    await exportBackup(artifacts, RUN, folder);
    const role = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "x" },
    };
    writeFileSync(
      join(folder, "kubernetes/crd.projectcalico.org_v1/networksets.yaml"),
      `---\n${JSON.stringify(role)}\n`,
    );
    const rejected = importBackup(other, folder, { ...options, acceptChanges: true });
    await assert.rejects(rejected, { code: "BACKUP_FILE_INVALID", message: /apiVersion/ });
  });
});
