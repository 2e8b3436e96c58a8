import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdChange, EtcdChangesQuery } from "../../etcd/types.ts";
import { Life } from "../testing/life.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, onceLocked, resume, runUpTo } from "./testing/steps.ts";
import { startRun, type Worker, World } from "./testing/world.ts";

const TARGET = "crd.projectcalico.org/v1/networkpolicies/shop";

/** The names of the policies of the namespace `shop` that the target holds. */
function policies(world: World): string[] {
  const paths = Object.keys(world.kubernetes.dump()).filter((path) => path.startsWith(`${TARGET}/`));
  return paths.map((path) => path.slice(TARGET.length + 1)).sort();
}

function put(world: World, name: string): void {
  world.etcd.put(policyKey(`shop/${name}`), policyValue(`shop/${name}`));
}

function drop(world: World, name: string): void {
  world.etcd.delete(policyKey(`shop/${name}`));
}

/** A run that applied `change` while catching up, and waits for the source to be quiet. */
async function quietAfter(world: World, worker: Worker, change: () => void): Promise<string> {
  const runId = await runUpTo(world, worker, "catch-up", { options: { quietMs: 5_000 } });
  change();
  await worker.engine.approve(runId, "test", "catch-up");
  await world.drive(worker, runId, ({ waiting }) => waiting?.reason === "Gate");
  return runId;
}

describe("catching up", () => {
  test("compares from the start each time that etcd has forgotten its history", async () => {
    using world = await World.create();
    put(world, "old");
    put(world, "older");
    const worker = world.worker();
    const runId = await quietAfter(world, worker, () => {
      drop(world, "older");
      world.etcd.compact();
    });
    assert.deepEqual(policies(world).includes("older"), false);
    drop(world, "old");
    put(world, "deny");
    world.etcd.compact();

    await world.drive(worker, runId, ({ stage }) => stage === "verify-changes");

    assert.deepEqual(policies(world).includes("deny"), true);
    assert.deepEqual(policies(world).includes("old"), false);
  });

  test("takes the copy away of what was changed, then deleted before the change is applied", async () => {
    using world = await World.create();
    put(world, "gone");
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "catch-up");
    world.etcd.put(policyKey("shop/gone"), policyValue("shop/gone", { order: 7 }));
    let collected = false;
    const { store } = worker.embedded;
    const putCheckpoints = store.putCheckpoints.bind(store);
    store.putCheckpoints = async (run, ledger, rows, lease) => {
      const refused = await putCheckpoints(run, ledger, rows, lease);
      if (ledger === "changes" && !collected) {
        collected = true;
        drop(world, "gone");
        world.etcd.compact();
      }
      return refused;
    };

    assertState(await approve(world, worker, runId, "catch-up"), "Succeeded");

    assert.ok(collected);
    assert.equal(policies(world).includes("gone"), false);
  });

  test("takes away what a worker wrote that died before it recorded it, when its source is gone", async () => {
    using world = await World.create();
    put(world, "gone");
    const life = new Life();
    const doomed = world.worker(life);
    world.kubernetes.hooks.after = (write) => {
      if (write === `create ${TARGET}/gone`) life.kill();
    };
    const runId = await startRun(doomed);
    await world.drive(doomed, runId);
    doomed.close();
    assert.ok(policies(world).includes("gone"));
    drop(world, "gone");
    world.etcd.compact();
    world.clock.advance(60_000);
    const worker = world.worker();

    assertState(await resume(world, worker, runId), "Succeeded");

    assert.equal(policies(world).includes("gone"), false);
  });

  test("does not let two policies take turns in one object, the second of which had it before", async () => {
    using world = await World.create();
    put(world, "default.foo");
    const worker = world.worker();
    const runId = await quietAfter(world, worker, () => {
      drop(world, "default.foo");
      put(world, "foo");
    });
    put(world, "default.foo");

    const { run } = await world.drive(worker, runId);
    drop(world, "foo");

    assert.equal(run.failure?.code, "CATCH_UP_BLOCKED", JSON.stringify([run.state, run.failure]));
    assertState(await resume(world, worker, runId), "Succeeded");
    assert.ok(policies(world).includes("foo"));
  });
});

describe("right before the unlock", () => {
  /** Catching up never hears of a policy. */
  function forget(world: World, name: string): void {
    const changes = world.etcd.changes.bind(world.etcd);
    world.etcd.changes = async function* (query: EtcdChangesQuery): AsyncGenerator<EtcdChange> {
      for await (const change of changes(query)) if (change.key !== policyKey(`shop/${name}`)) yield change;
    };
  }

  for (const [what, change, expected] of [
    ["a new policy", put, true],
    ["a deletion", drop, false],
  ] as const) {
    test(`${what} that catching up has missed is found and copied`, async () => {
      using world = await World.create();
      if (!expected) put(world, "missed");
      const worker = world.worker();
      const runId = await runUpTo(world, worker, "lock");
      forget(world, "missed");
      onceLocked(world, () => {
        change(world, "missed");
      });

      const described = await approve(world, worker, runId, "lock");

      assertState(described, "Succeeded");
      assert.equal(policies(world).includes("missed"), expected);
      const stage = described.stages.find((one) => one.stage === "verify-revisions");
      assert.equal(stage?.notes["foundLate"], 1);
    });
  }

  test("whoever goes on writing is named, and once that ends the run goes on", async () => {
    using world = await World.create();
    put(world, "busy");
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "verify-revisions");
    let order = 0;
    const write = (): void => {
      world.etcd.put(policyKey("shop/busy"), policyValue("shop/busy", { order: ++order }));
    };
    write();
    world.kubernetes.hooks.after = (made) => {
      if (made === `replace ${TARGET}/busy`) write();
    };

    const { run } = await approve(world, worker, runId, "verify-revisions");
    world.kubernetes.hooks.after = undefined;

    assert.equal(run.failure?.code, "SOURCE_STILL_WRITTEN");
    assert.match(run.failure.message, /shop\/busy/);
    assertState(await resume(world, worker, runId), "Succeeded");
    assert.match(world.kubernetes.dump()[`${TARGET}/busy`] ?? "", new RegExp(`"order":${order}`));
  });

  test("reads no values where nothing differs", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "verify-revisions");
    const range = world.etcd.range.bind(world.etcd);
    const reads: (boolean | undefined)[] = [];
    world.etcd.range = (query) => {
      reads.push(query.keysOnly);
      return range(query);
    };
    let values = 0;
    const getMany = world.etcd.getMany.bind(world.etcd);
    world.etcd.getMany = (keys, revision) => {
      values += keys.length;
      return getMany(keys, revision);
    };

    await approve(world, worker, runId, "verify-revisions");

    // ClusterInformation is read and written, to prove that the lock is still this run's.
    assert.deepEqual([reads, values], [[true], 2 + 2]);
  });

  test("what was written while a person took time to approve is copied", async () => {
    using world = await World.create();
    put(world, "late");
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "unlock");
    drop(world, "late");
    put(world, "later");
    world.etcd.compact();

    assertState(await approve(world, worker, runId, "unlock"), "Succeeded");

    assert.deepEqual(
      policies(world).filter((name) => name.startsWith("late")),
      ["later"],
    );
  });

  test("nothing is copied any more once the datastore may be open", async () => {
    using world = await World.create();
    const life = new Life();
    const doomed = world.worker(life);
    const runId = await runUpTo(world, doomed, "unlock");
    world.kubernetes.hooks.after = (write) => {
      if (write.startsWith("replace") && write.includes("clusterinformations")) life.kill();
    };
    await doomed.engine.approve(runId, "test", "unlock");
    await world.drive(doomed, runId);
    doomed.close();
    put(world, "late");
    world.clock.advance(60_000);

    assertState(await resume(world, world.worker(), runId), "Succeeded");

    assert.equal(policies(world).includes("late"), false);
  });
});
