import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MIGRATIONS } from "../../../shared/migrations/registry.ts";
import { durationOf } from "../common.ts";
import { fakeWorld, runIn } from "../../testing/fake-world.ts";
import { isFromEtcd, manifestsIn, migrationOptions } from "./index.ts";

const WORLD = { cwd: "/here" };
/** Every option of a migration, as commander gives it. */
const GIVEN = {
  "etcd-to-kubernetes": {
    manifest: "a.yaml",
    rollbackManifest: "https://x/b.yaml",
    targetGroup: "v3",
    calicoVersion: "3.28",
    othersOnEtcd: "unlock",
  },
  "apiserver-to-crds": {
    crds: "a.yaml",
    gitops: "refuse",
    mirrorStatus: true,
    skip: ["NetworkSet/shop/partners"] as string[],
    skipForeignOwnerReferences: true,
    nativeGuards: "none",
  },
} as const;
const SHARED = {
  batchSize: 7,
  quietTime: 1500,
  quietDeadline: 60_000,
  rolloutDeadline: 60_000,
  maxLock: 90_000,
  onLockBudget: "rollback",
  onLockFailure: "hold",
} as const;

describe("the options of migrations", () => {
  for (const [name, given] of Object.entries(GIVEN)) {
    test(`of ${name} become those of its own schema, all of them`, () => {
      const migration = MIGRATIONS.find((one) => one.name === name);
      assert.ok(migration);
      const options = migrationOptions(WORLD, name, { ...given, ...SHARED });
      // A parsed option that is missing here could not be given on a command line.
      assert.deepEqual(migration.options.safeParse(options), { success: true, data: options });
    });
  }

  test("are left to the schema where they are not given", () => {
    for (const name of Object.keys(GIVEN)) assert.deepEqual(migrationOptions(WORLD, name, {}), {});
    assert.deepEqual(migrationOptions(WORLD, "backup", SHARED), {});
  });

  test("name manifests by absolute paths or URLs", () => {
    const found = Object.entries(GIVEN).map(([name, given]) =>
      manifestsIn(name, migrationOptions(WORLD, name, { ...given, ...SHARED })),
    );
    assert.deepEqual(found, [
      [
        { option: "manifest", source: "/here/a.yaml" },
        { option: "rollbackManifest", source: "https://x/b.yaml" },
      ],
      [{ option: "crds", source: "/here/a.yaml" }],
    ]);
  });

  test("say whether there is an etcd in it", () => {
    const names = ["etcd-to-kubernetes", "apiserver-to-crds", "backup"];
    assert.deepEqual(names.map(isFromEtcd), [true, false, undefined]);
  });
});

describe("--max-lock", () => {
  test("is a duration within bounds", () => {
    const parse = durationOf(1000, 86_400_000);
    assert.deepEqual(["90s", "10m", "1.5h", "24h"].map(parse), [90_000, 600_000, 5_400_000, 86_400_000]);
    for (const wrong of ["", "0.5", "m", "10min", "-1m", "25h", "1e3"])
      assert.throws(() => parse(wrong), /such as 90s, 10m or 1h/, wrong);
    assert.throws(() => parse("10"), /has no unit: write 10s, 10m or 10h/);
  });

  test("is refused, with what is right, before anything is done", async (t) => {
    const world = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
    const line = ["start", "apiserver-to-crds", "--kubeconfig", world.kubeconfig, "--max-lock", "soon"];
    const { code, stderr } = await runIn(world, ...line);
    assert.equal(code, 2);
    assert.match(stderr, /--max-lock <duration>.*'soon' is invalid.*such as 90s, 10m or 1h/);
  });
});

describe("an option that another migration has", () => {
  const ETCD = ["--etcd-endpoints", "http://10.0.0.1:2379"];
  const cases: [string, string, string[]][] = [
    ["apiserver-to-crds", "--rollback-manifest", ["--rollback-manifest", "a.yaml"]],
    ["apiserver-to-crds", "--etcd-endpoints", ETCD],
    ["etcd-to-kubernetes", "--skip-foreign-owner-references", [...ETCD, "--skip-foreign-owner-references"]],
    ["etcd-to-kubernetes", "--gitops", ["--gitops", "pause"]],
  ];
  for (const [migration, option, words] of cases) {
    test(`is refused: ${option} of ${migration}, before anything is looked at`, async (t) => {
      const world = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
      for (const command of ["start", "plan", "preflight"]) {
        const line = [command, migration, "--kubeconfig", world.kubeconfig, ...words];
        const { code, stderr } = await runIn(world, ...line);
        assert.equal(code, 2, stderr);
        assert.ok(stderr.includes(`${option} is no option of ${migration} (USAGE)`), stderr);
      }
      assert.equal(world.opened, 0);
    });
  }

  test("is refused by rbac, and where it approves a loss", async (t) => {
    const world = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
    const rbac = await runIn(world, "rbac", "etcd-to-kubernetes", "--dependants", "configmaps");
    assert.match(rbac.stderr, /--dependants is no option of etcd-to-kubernetes/);
    const line = ["start", "apiserver-to-crds", "--kubeconfig", world.kubeconfig, "--approve-unmapped-nodes"];
    const { code, stderr } = await runIn(world, ...line);
    assert.match(
      stderr,
      /--approve-unmapped-nodes is no option of apiserver-to-crds \(USAGE\)\nnext: .*etcd-to/,
    );
    assert.equal(code, 2);
  });
});

describe("rbac apiserver-to-crds", () => {
  test("gives owner references of the named resources, and GitOps tools unless these are left alone", async (t) => {
    const line = ["rbac", "apiserver-to-crds", "--dependants", "configmaps", "widgets.example.org"];
    const { stdout } = await runIn(fakeWorld(t), ...line);
    assert.match(stdout, /- configmaps\n/);
    assert.match(stdout, /- example\.org\n/);
    const pausing = /- gitrepos\n(?: +- \w+\n)* +verbs:\n +- list\n +- get\n +- patch\n/;
    assert.match(stdout, pausing);
    const { stdout: ignoring } = await runIn(fakeWorld(t), ...line, "--gitops", "ignore");
    assert.doesNotMatch(ignoring, pausing);
  });

  test("gives what an API server asks for that guards owner references, where it is said to", async (t) => {
    const line = ["rbac", "apiserver-to-crds", "--dependants", "configmaps"];
    const { stdout } = await runIn(fakeWorld(t), ...line, "--enforced-owners");
    assert.match(stdout, /- tiers\/finalizers\n/);
    assert.doesNotMatch((await runIn(fakeWorld(t), ...line)).stdout, /finalizers/);
  });

  test("refuses what is no resource", async (t) => {
    const { code, stderr } = await runIn(
      fakeWorld(t),
      "rbac",
      "apiserver-to-crds",
      "--dependants",
      "Config Maps",
    );
    assert.deepEqual([code, /--dependants: "Config Maps" is no resource/.test(stderr)], [2, true]);
  });
});
