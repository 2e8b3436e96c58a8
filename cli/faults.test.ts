import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { MIGRATIONS } from "../shared/migrations/registry.ts";
import { type FakeWorld, fakeWorld, runIn, runLine } from "./testing/fake-world.ts";

interface Told {
  code: number;
  /** Each fault, as its code with the beginning of what is said. */
  faults: string[];
}

/** What a command line is refused for, all of it; nothing may have been connected to. */
async function refused(world: FakeWorld, ...words: string[]): Promise<Told> {
  const { code, stderr } = await runIn(world, ...words, "-o", "json");
  assert.equal(world.opened, 0);
  const lines = stderr.trim().split("\n");
  const errors = lines.map((line) => (JSON.parse(line) as { error: Record<string, string> }).error);
  for (const { next } of errors) assert.ok((next ?? "") !== "");
  return { code, faults: errors.map(({ code: stable, message }) => `${stable ?? ""} ${message ?? ""}`) };
}

function expectFaults({ faults }: Told, expected: readonly RegExp[]): void {
  assert.equal(faults.length, expected.length, faults.join("\n"));
  for (const one of expected)
    assert.ok(
      faults.some((text) => one.test(text)),
      `${one.source}: ${faults.join("\n")}`,
    );
}

describe("what is wrong with a command line is told at once:", () => {
  const real = (world: FakeWorld): FakeWorld => Object.assign(world, { migrations: MIGRATIONS });

  test("values, stages, subjects, files and sources of a start", async (t) => {
    const world = real(fakeWorld(t));
    const told = await refused(
      world,
      ...["start", "etcd-to-kubernetes", "--max-lock", "10", "--batch-size", "0", "--stop-before", "nope"],
      ...["--kubeconfig", "/missing", "--manifest", "missing.yaml", "--rollback-manifest", "ftp://x/y"],
      ...["--etcd-endpoints", "https://10.0.0.1:2379", "--etcd-ca", "ca.pem", "--etcd-cert", "cert.pem"],
      ...["--etcd-key", "key.pem", "--approve", "frob", "uncarried", "--approve-unmapped-nodes"],
    );
    assert.equal(told.code, 2);
    expectFaults(
      told,
      [
        /^USAGE option '--max-lock <duration>' argument '10' is invalid\. It has no unit: write 10s, 10m or 10h/,
        /^USAGE option '--batch-size <n>' argument '0'/,
        /^STAGE_UNKNOWN .*"nope"/,
        /^KUBECONFIG_NOT_FOUND no kubeconfig at \/missing/,
        /^MANIFEST_NOT_FOUND .*missing\.yaml/,
        /^MANIFEST_SOURCE_REFUSED ftp:\/\/x\/y/,
        /^ETCD_FILE_UNREADABLE caFile .*ca\.pem.*certFile .*cert\.pem.*keyFile .*key\.pem/,
        /^SUBJECT_UNKNOWN .*"frob"/,
        /^USAGE --approve-unmapped-nodes does not say what was looked at/,
      ].concat(/^APPROVAL_UNSEEN "uncarried"/),
    );
  });

  test("several values of one option, options of the other migration, and no etcd's", async (t) => {
    const told = await refused(
      real(fakeWorld(t)),
      ...["start", "apiserver-to-crds", "--skip", "a/b", "c/d", "--manifest", "x", "--target-group", "v1"],
      ...["--etcd-ca", "x", "--kubeconfig", "/missing", "--crds", "s3://bucket/crds.yaml"],
    );
    assert.equal(told.code, 2);
    expectFaults(told, [
      /^USAGE --skip: "a\/b" is no object/,
      /^USAGE --skip: "c\/d" is no object/,
      /^USAGE --manifest is no option of apiserver-to-crds/,
      /^USAGE --target-group is no option/,
      /^USAGE --etcd-ca is no option/,
      /^KUBECONFIG_NOT_FOUND/,
      /^MANIFEST_SOURCE_REFUSED/,
    ]);
  });

  test("options that there are not, beside values", async (t) => {
    const told = await refused(
      real(fakeWorld(t)),
      "plan",
      "apiserver-to-crds",
      "--crs",
      "x",
      "--foo=1",
      "--batch-size",
      "x",
    );
    expectFaults(told, [/unknown option '--crs'.*--crds/, /unknown option '--foo'/, /--batch-size <n>/]);
  });

  test("everything that is missing, and a value that is wrong", async (t) => {
    const world = fakeWorld(t);
    const told = await refused(world, "restore", "--max-lock", "10");
    expectFaults(told, [/--max-lock <duration>/, /--side <side>' not/, /argument 'backup'/]);
    expectFaults(await refused(world, "backup", "export"), [/argument 'backup'/, /argument 'folder'/]);
  });

  test("of plan, preflight, backup, restore, unlock, rbac and clusters add", async (t) => {
    for (const [line, expected] of [
      [
        ["plan", "etcd-to-kubernetes"],
        [/KUBECONFIG_NOT/, /USAGE --etcd-ca without --etcd-endpoints/, /MANIFEST_NOT_FOUND/],
      ],
      [
        ["preflight", "nope"],
        [/KUBECONFIG_NOT/, /USAGE --etcd-ca without/, /MIGRATION_UNKNOWN/],
      ],
      [["backup"], [/KUBECONFIG_NOT/, /USAGE --etcd-ca without/]],
      [
        ["restore", "backup-1", "--side", "etcd"],
        [/KUBECONFIG_NOT/, /USAGE --etcd-ca without/],
      ],
      [["unlock"], [/KUBECONFIG_NOT/, /USAGE --etcd-ca without/]],
      [
        ["clusters", "add", "prod", "-l", "a", "b", "--no-probe"],
        [/KUBECONFIG_NOT/, /USAGE --etcd-ca without/, /label "a"/, /label "b"/, /go with --aws alone/],
      ],
    ] as const) {
      const manifest = /plan|preflight/.test(line[0]) ? ["--manifest", "missing.yaml"] : [];
      const way = ["--kubeconfig", "/missing", "--etcd-ca", "ca.pem"];
      const told = await refused(real(fakeWorld(t)), ...line, ...way, ...manifest);
      expectFaults(told, expected);
      assert.equal(told.code, 2);
    }
    const rights = ["rbac", "etcd-to-kubernetes", "--manifest", "a.yaml", "--rollback-manifest", "b.yaml"];
    const told = await refused(real(fakeWorld(t)), ...rights, "--crds", "x");
    expectFaults(told, [
      /MANIFEST_NOT_FOUND .*a\.yaml/,
      /MANIFEST_NOT_FOUND .*b\.yaml/,
      /--crds is no option/,
    ]);
  });

  test("a refused import leaves no store behind", async (t) => {
    const world = fakeWorld(t);
    for (const folder of ["missing", world.folder]) {
      const { code, stderr } = await runIn(world, "backup", "import", folder);
      assert.equal(code, 1);
      assert.match(stderr, /\(BACKUP_FOLDER_INVALID\)/);
      assert.equal(existsSync(world.store), false);
    }
  });

  test("a single one is told as it always was, with its own exit code", async (t) => {
    const world = fakeWorld(t);
    const answer = await runLine(world, [
      "start",
      "fake",
      "--kubeconfig",
      "/missing",
      "--store",
      world.store,
    ]);
    assert.equal(answer.code, 1);
    assert.match(answer.stderr, /^error: no kubeconfig at \/missing \(KUBECONFIG_NOT_FOUND\)\nnext: .*\n$/);
  });
});

describe("an approval beside one that is refused", () => {
  test("is not recorded", async (t) => {
    const world = fakeWorld(t);
    const start = ["start", "fake", "--kubeconfig", world.kubeconfig, "--stop-before", "copy", "-q"];
    assert.equal((await runIn(world, ...start)).code, 4);
    const [id = ""] = (await runIn(world, "get", "-o", "name")).stdout.trim().split("\n");
    for (const line of [
      ["approve", id, "copy", "frob", "brof"],
      ["approve", id, "copy", "--yes=frob"],
      ["resume", id, "--yes=frob"],
    ]) {
      const { code, stderr } = await runIn(world, ...line);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /"frob" \(SUBJECT_UNKNOWN\)/);
      if (line.includes("brof")) assert.match(stderr, /"brof" \(SUBJECT_UNKNOWN\)/);
    }
    const { stdout } = await runIn(world, "describe", id, "-o", "json");
    assert.deepEqual(
      (JSON.parse(stdout) as { status: { approvals?: unknown[] } }).status.approvals ?? [],
      [],
    );
  });
});
