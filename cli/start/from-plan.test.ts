import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { openEmbedded } from "../../shared/adapters/embedded/index.ts";
import { type FakeOptions, fakeMigration } from "../testing/fake-migration.ts";
import { withFakeStack } from "../testing/fake-stack.ts";
import {
  type Answer,
  type FakeWorld,
  fakeWorld,
  runIn,
  runOnAws,
  writeKubeconfig,
} from "../testing/fake-world.ts";

const MANIFEST =
  "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: b }\ndata: { x: planned }\n";

/** A world in which the fake migration has been planned, and the hash that the plan has printed. */
async function planned(
  t: TestContext,
  options: FakeOptions = {},
): Promise<{ world: FakeWorld; hash: string }> {
  const world = fakeWorld(t, options);
  const { code, stdout } = await runIn(world, "plan", "fake", "--kubeconfig", world.kubeconfig, "-q");
  assert.equal(code, 0);
  return { world, hash: hashIn(stdout) };
}

function hashIn(stdout: string): string {
  const hash = /to start exactly this: calico-migrator start --plan ([0-9a-f]{12}) --store /.exec(
    stdout,
  )?.[1];
  assert.ok(hash !== undefined, stdout);
  return hash;
}

async function outdated(world: FakeWorld, hash: string, what: RegExp, ...more: string[]): Promise<void> {
  const { code, stderr } = await runIn(world, "start", "--plan", hash, "--yes", "-q", ...more);
  assert.equal(code, 4, stderr);
  assert.match(stderr, new RegExp(`plan ${hash} is outdated: .*${what.source}.* \\(PLAN_OUTDATED\\)`));
  assert.equal((await runIn(world, "get", "-o", "name")).stdout, "");
}

describe("start --plan", () => {
  test("runs what was planned, needing nothing else, and the run says so", async (t) => {
    const { world, hash } = await planned(t);
    const { code, stderr } = await runIn(world, "start", "--plan", hash, "--yes", "-q");
    assert.equal(code, 0, stderr);
    const { stdout } = await runIn(world, "describe");
    assert.match(stdout, new RegExp(`Plan: +${hash}\n`));
    assert.match(stdout, /Cluster: +prod\n/);
  });

  test("has the same hash for the same plan, which may be shortened", async (t) => {
    const { world, hash } = await planned(t);
    const again = await runIn(world, "plan", "fake", "--kubeconfig", world.kubeconfig, "-o", "json");
    assert.equal((JSON.parse(again.stdout) as { hash: string }).hash, hash);
    assert.equal((await runIn(world, "start", "fake", "--plan", hash.slice(0, 8), "--yes", "-q")).code, 0);
  });

  test("binds approvals to what the plan has shown, without their fingerprints", async (t) => {
    for (const approval of [["--approve-uncarried"], ["--approve", "uncarried"]]) {
      const { world, hash } = await planned(t, { consents: true });
      const { code, stderr } = await runIn(world, "start", "--plan", hash, "--yes", "-q", ...approval);
      assert.equal(code, 0, stderr);
    }
    const { world, hash } = await planned(t);
    const { code, stderr } = await runIn(world, "start", "--plan", hash, "--approve-uncarried", "-q");
    assert.deepEqual([code, /--approve-uncarried FINGERPRINT/.test(stderr)], [2, true], stderr);
  });

  test("names what the cluster shows otherwise by now, and starts nothing", async (t) => {
    for (const [change, what] of [
      [{ batches: 4 }, /resources Thing: planned 30, now 40/],
      [{ failing: "consent" }, /check fake-check: planned pass, now something is/],
      [{ consents: true }, /approval of uncarried before lock: planned nothing, now 2 are lost: a, b/],
    ] as const) {
      const { world, hash } = await planned(t);
      await outdated({ ...world, migrations: [fakeMigration(change)] }, hash, what);
    }
  });

  test("says that another run holds the cluster, not what is otherwise by that", async (t) => {
    const { world, hash } = await planned(t);
    assert.equal((await runIn(world, "start", "--plan", hash, "-q")).code, 4);
    const later = { ...world, migrations: [fakeMigration({ batches: 4 })] };
    const { code, stderr } = await runIn(later, "start", "--plan", hash, "--yes", "-q");
    assert.deepEqual([code, /\(CLUSTER_BUSY\)/.test(stderr)], [1, true], stderr);
  });

  test("does not count what comes and goes with pods and nodes", async (t) => {
    const { world, hash } = await planned(t, { kind: "IPAMHandle" });
    const later = { ...world, migrations: [fakeMigration({ kind: "IPAMHandle", batches: 5 })] };
    assert.equal((await runIn(later, "start", "--plan", hash, "--yes", "-q")).code, 0);
  });

  test("names a program, stages, a cluster and options that are others than planned", async (t) => {
    const { world, hash } = await planned(t);
    await outdated({ ...world, version: "1.2.4" }, hash, /calico-migrator: planned 1\.2\.3, now 1\.2\.4/);
    await outdated({ ...world, migrations: [fakeMigration({ erases: true })] }, hash, /the stages of fake/);
    const moved = writeKubeconfig(world.folder, "prod", "https://elsewhere.example.com:6443");
    const what = /API server: planned https:\/\/prod\.example\.com:6443\/, now https:\/\/elsewhere/;
    await outdated(world, hash, what, "--kubeconfig", moved);
    const same = writeKubeconfig(world.folder, "prod", "https://prod.example.com:6443");
    const line = ["start", "fake", "--plan", hash, "--yes", "-q", "--kubeconfig", same];
    assert.equal((await runIn(world, ...line)).code, 0);
  });

  test("is refused for a hash that is unknown, of too few digits, of another migration, or too old until it is made again", async (t) => {
    const { world, hash } = await planned(t);
    for (const unknown of ["0123456789ab", hash.slice(0, 4), "../../x"]) {
      const answer = await runIn(world, "start", "--plan", unknown);
      assert.equal(answer.code, 2);
      assert.match(
        answer.stderr,
        /\(PLAN_UNKNOWN\)\nnext: Give the hash .*prints last, .*the store with --store/,
      );
    }
    const other = { ...world, migrations: [...world.migrations, { ...fakeMigration(), name: "other" }] };
    assert.match((await runIn(other, "start", "other", "--plan", hash)).stderr, /is of fake, not of other/);
    const clock = { now: () => Date.now() + 8 * 86_400_000, sleep: world.clock.sleep.bind(world.clock) };
    const later = { ...world, clock };
    const old = await runIn(later, "start", "--plan", hash, "-q");
    assert.deepEqual([old.code, /\(PLAN_EXPIRED\)\nnext: Run/.test(old.stderr)], [4, true], old.stderr);
    const another = ["plan", "fake", "--kubeconfig", world.kubeconfig, "-q"];
    assert.equal((await runIn(later, ...another, "--cluster", "other")).code, 0);
    const gone = await runIn(later, "start", "--plan", hash, "-q");
    assert.match(gone.stderr, /\(PLAN_UNKNOWN\)\nnext: .*deleted after 7 days: plan again/);
    assert.equal(hashIn((await runIn(later, ...another)).stdout), hash, "the same plan counts from now");
    assert.equal((await runIn(later, "start", "--plan", hash, "--yes", "-q")).code, 0);
    assert.match((await runIn(world, "start")).stderr, /which migration\? \(USAGE\)\nnext: .*--plan HASH/);
  });

  test("is refused where somebody has put another plan under the hash", async (t) => {
    const { world, hash } = await planned(t);
    const { artifacts, close } = openEmbedded(world.store, { clock: world.clock });
    const [{ name } = assert.fail()] = await artifacts.list("plans/");
    const text = (await Array.fromAsync(artifacts.read(name))).join("");
    await artifacts.write(name, [Buffer.from(text.replace('"options":{}', '"options":{"batchSize":1}'))]);
    close();
    await outdated(world, hash, /what is kept under this hash has another one/);
  });

  test("is told where it cannot be: of a plan that was refused, in a store that takes nothing", async (t) => {
    const world = fakeWorld(t, { failing: "blocking" });
    const line = ["plan", "fake", "--kubeconfig", world.kubeconfig];
    assert.doesNotMatch((await runIn(world, ...line, "-q")).stdout, /--plan/);
    const plain = fakeWorld(t);
    writeFileSync(plain.store, "no store");
    const unkept = await runIn(plain, "plan", "fake", "--kubeconfig", plain.kubeconfig, "-q");
    assert.deepEqual([unkept.code, /the plan is not kept/.test(unkept.stderr)], [0, true], unkept.stderr);
    assert.doesNotMatch(unkept.stdout, /--plan/);
  });
});

describe("start --plan on AWS", () => {
  async function registered(t: TestContext, options: FakeOptions = {}): Promise<FakeWorld> {
    const world = fakeWorld(t, options);
    const { clusters } = withFakeStack(t, world);
    await clusters.add({ name: "prod", server: "https://prod.example.com:6443/" });
    return world;
  }

  const planOn = (world: FakeWorld, ...more: string[]): Promise<Answer> =>
    runOnAws(world, "plan", "fake", "--kubeconfig", world.kubeconfig, "-q", ...more);

  async function plannedThere(world: FakeWorld, ...more: string[]): Promise<string> {
    const { code, stdout, stderr } = await planOn(world, ...more);
    assert.equal(code, 0, stderr);
    const line = /to start exactly this: calico-migrator start --plan ([0-9a-f]{12}) --aws\n/;
    return line.exec(stdout)?.[1] ?? assert.fail(stdout);
  }

  test("runs what was planned, with approvals bound to it, and the run says so", async (t) => {
    const world = await registered(t, { consents: true });
    const hash = await plannedThere(world);
    const line = ["start", "--plan", hash, "--approve-uncarried", "--yes", "-q"];
    const { code, stderr } = await runOnAws(world, ...line);
    assert.equal(code, 0, stderr);
    assert.match((await runOnAws(world, "describe")).stdout, new RegExp(`Plan: +${hash}\n`));
    assert.match((await runIn(world, "start", "--plan", hash)).stderr, /\(PLAN_UNKNOWN\)/);
  });

  test("names what has changed: in the cluster, and where the stack reaches it", async (t) => {
    const world = await registered(t);
    const hash = await plannedThere(world);
    const refused = async (changed: FakeWorld, what: RegExp): Promise<void> => {
      const { code, stderr } = await runOnAws(changed, "start", "--plan", hash, "--yes", "-q");
      assert.deepEqual([code, what.test(stderr), /\(PLAN_OUTDATED\)/.test(stderr)], [4, true, true], stderr);
      assert.equal((await runOnAws(world, "get", "-o", "name")).stdout, "");
    };
    const grown = { ...world, migrations: [fakeMigration({ batches: 4 })] };
    await refused(grown, /resources Thing: planned 30, now 40/);
    const { clusters } = await world.openAws({ kind: "aws", stack: "" }, world);
    await clusters.add({ name: "prod", server: "https://moved.example.com:6443/" }, { replace: true });
    await refused(world, /API server: here https:\/\/prod\S*, on AWS https:\/\/moved/);
  });

  test("is looked at from here by a kubeconfig of its own, whose cluster must be the planned one", async (t) => {
    const world = await registered(t);
    const hash = await plannedThere(world);
    const elsewhere = writeKubeconfig(world.folder, "moved", "https://moved.example.com:6443");
    const line = ["start", "--plan", hash, "--yes", "-q", "--cluster", "prod"];
    const refused = await runOnAws(world, ...line, "--kubeconfig", elsewhere);
    assert.match(refused.stderr, /API server: planned .*\(PLAN_OUTDATED\)/);
    assert.equal((await runOnAws(world, ...line)).code, 0);
  });

  test("is planned for registered clusters alone, and for the same that is registered", async (t) => {
    const world = await registered(t);
    const other = writeKubeconfig(world.folder, "other", "https://other.example.com:6443");
    assert.match((await planOn(world, "--kubeconfig", other)).stderr, /\(CLUSTER_NOT_FOUND\)/);
    const { code, stderr } = await planOn(world, "--kubeconfig", other, "--cluster", "prod");
    assert.equal(code, 1);
    const what =
      /API server: here https:\/\/other\S*, on AWS https:\/\/prod.*\(CLUSTER_DIFFERS\)\nnext: .* its kubeconfig .* as they were registered/;
    assert.match(stderr, what);
    await plannedThere(world, "--cluster", "prod");
  });
});

describe("the manifests of a plan", () => {
  async function withManifest(t: TestContext): Promise<{ world: FakeWorld; file: string; hash: string }> {
    const migration = { ...fakeMigration({ anyOptions: true }), name: "apiserver-to-crds" };
    const world = { ...fakeWorld(t), migrations: [migration] };
    const file = join(world.folder, "crds.yaml");
    writeFileSync(file, MANIFEST);
    const line = ["plan", "apiserver-to-crds", "--kubeconfig", world.kubeconfig, "--crds", file, "-q"];
    const { stdout, stderr } = await runIn(world, ...line);
    assert.notEqual(stdout, "", stderr);
    return { world, file, hash: hashIn(stdout) };
  }

  const used = async ({ world }: { world: FakeWorld }): Promise<string> => {
    const embedded = openEmbedded(world.store, { clock: world.clock });
    try {
      const { options } = (await embedded.store.listRuns({ limit: 1 })).items[0] ?? {};
      const source = options?.["crds"];
      assert.ok(typeof source === "string");
      const name = source.slice("artifact:".length);
      return (await Array.fromAsync(embedded.artifacts.read(name))).join("");
    } finally {
      embedded.close();
    }
  };

  test("are used as they were planned, and a file that was edited or taken away since is told", async (t) => {
    for (const [change, told] of [
      [
        (file: string) => {
          writeFileSync(file, MANIFEST.replace("planned", "edited"));
        },
        /has changed since it was planned/,
      ],
      [
        (file: string) => {
          rmSync(file);
        },
        /cannot be read any more/,
      ],
    ] as const) {
      const given = await withManifest(t);
      change(given.file);
      const { code, stderr } = await runIn(given.world, "start", "--plan", given.hash, "--yes", "-q");
      assert.equal(code, 0, stderr);
      assert.match(stderr, told);
      assert.match(await used(given), /"x":"planned"/);
    }
  });

  test("are named where the command line gives another, or other options", async (t) => {
    const { world, file, hash } = await withManifest(t);
    const same = join(world.folder, "copy.yaml");
    writeFileSync(same, MANIFEST);
    writeFileSync(file, MANIFEST.replace("planned", "edited"));
    const sha = "artifact:manifests\\/[0-9a-f]{64}\\.yaml";
    await outdated(world, hash, new RegExp(`crds: planned ${sha}, now ${sha}`), "--crds", file);
    await outdated(world, hash, /batchSize: planned nothing, now 7/, "--batch-size", "7");
    assert.equal((await runIn(world, "start", "--plan", hash, "--crds", same, "--yes", "-q")).code, 0);
  });
});

describe("a plan that cannot be started", () => {
  test("for the store has no such one (PLAN_UNKNOWN) is in the store where it was made, by its hash", async (t) => {
    const { world, hash } = await planned(t);
    const { stderr } = await runIn(fakeWorld(t), "start", "--plan", hash);
    assert.match(stderr, /\(PLAN_UNKNOWN\)\nnext: .* of 8 digits at least; or name the store with --store/);
    assert.equal((await runIn(world, "start", "--plan", hash.slice(0, 8), "--yes", "-q")).code, 0);
  });

  test("for several begin so (PLAN_AMBIGUOUS) is named by all digits", async (t) => {
    const { world, hash } = await planned(t);
    const embedded = openEmbedded(world.store, { clock: world.clock });
    const twin = hash.slice(0, 8).padEnd(64, hash.endsWith("0") ? "1" : "0");
    await embedded.artifacts.write(`plans/${twin}.json`, [Buffer.from("{}")]);
    embedded.close();
    const { code, stderr } = await runIn(world, "start", "--plan", hash.slice(0, 8));
    assert.deepEqual([code, /\(PLAN_AMBIGUOUS\)\nnext: Give all 12 digits/.test(stderr)], [2, true], stderr);
    assert.equal((await runIn(world, "start", "--plan", hash, "--yes", "-q")).code, 0);
  });

  test("for something has changed (PLAN_OUTDATED) is made again, with the options that are wanted", async (t) => {
    const { world: before, hash } = await planned(t);
    const world = { ...before, migrations: [fakeMigration({ batches: 4 })] };
    const { stderr } = await runIn(world, "start", "--plan", hash, "--yes", "-q");
    assert.match(
      stderr,
      /\(PLAN_OUTDATED\)\nnext: Run `calico-migrator plan --store [^`]*` again .* start the hash that it prints/,
    );
    const { stdout } = await runIn(world, "plan", "fake", "--kubeconfig", world.kubeconfig, "-q");
    assert.equal((await runIn(world, "start", "--plan", hashIn(stdout), "--yes", "-q")).code, 0);
  });
});
