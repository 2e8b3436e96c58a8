import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { resource, resourceKey } from "../../calico/testing/samples.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, resume, rollBack, runUpTo } from "./testing/steps.ts";
import { changed } from "../testing/dumps.ts";
import { sidesOf, World } from "./testing/world.ts";

const V1 = "crd.projectcalico.org/v1";

/** What the target holds under a policy's name. */
function targetPolicy({ kubernetes }: World, name: string): string | undefined {
  return kubernetes.dump()[`${V1}/networkpolicies/shop/${name}`];
}

/** A hundred changes of all sorts: new, changed, deleted, and deleted and created again. */
function changeMuch(world: World, round: string): void {
  for (let index = 0; index < 25; index++) {
    const [fresh, again] = [`shop/${round}-new-${index}`, `shop/${round}-again-${index}`];
    world.etcd.put(policyKey(fresh), policyValue(fresh));
    world.etcd.put(policyKey(fresh), policyValue(fresh, { order: index }));
    world.etcd.put(policyKey(again), policyValue(again));
    world.etcd.delete(policyKey(again));
    if (index % 2 === 0) world.etcd.put(policyKey(again), policyValue(again, { order: -index }));
  }
}

/** The same run twice: once with changes on the way, once with all of them made before it. */
async function endWithout(change: (world: World) => void): Promise<Record<string, string>> {
  using world = await World.create();
  change(world);
  const worker = world.worker();
  const runId = await runUpTo(world, worker, "preflight");
  assertState(await approve(world, worker, runId, "preflight"), "Succeeded");
  return world.kubernetes.dump();
}

function withoutTimes(dump: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(dump).map(([path, text]) => [path, text.replace(/etcd-to-kubernetes-[0-9a-f]+/g, "run")]),
  );
}

describe("changes of the source during the run", () => {
  for (const compacted of [false, true]) {
    for (const stage of ["pre-copy", "verify-copy", "lock"]) {
      test(`a hundred before ${stage} arrive${compacted ? ", although etcd has forgotten them" : ""}`, async () => {
        const change = (world: World): void => {
          changeMuch(world, "a");
          world.etcd.delete(resourceKey("ippools", "v6"));
        };
        using world = await World.create();
        const worker = world.worker();
        const runId = await runUpTo(world, worker, stage);
        change(world);
        if (compacted) world.etcd.compact();
        const before = sidesOf(world);

        assertState(await approve(world, worker, runId, stage), "Succeeded");

        assert.deepEqual(
          changed(withoutTimes(world.kubernetes.dump()), withoutTimes(await endWithout(change))),
          [],
        );
        assert.deepEqual(changed(before.etcd, world.etcd.dump()), [
          resourceKey("clusterinformations", "default"),
        ]);
        await rollBack(world, worker, runId);
        assert.deepEqual(changed(before.etcd, world.etcd.dump()), []);
      });
    }
  }

  test("what is written in spite of the lock arrives as well, until the unlock", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "catch-up", { options: { quietMs: 5_000 } });
    changeMuch(world, "locked");
    await worker.engine.approve(runId, "test", "catch-up");
    await world.drive(worker, runId, ({ waiting }) => waiting?.reason === "Gate");
    world.etcd.put(policyKey("shop/late"), policyValue("shop/late"));
    world.etcd.delete(policyKey("shop/locked-new-3"));

    assertState(await world.drive(worker, runId), "Succeeded");

    assert.ok(targetPolicy(world, "late"));
    assert.ok(targetPolicy(world, "locked-new-4"));
    assert.equal(targetPolicy(world, "locked-new-3"), undefined);
  });

  test("a policy that loses the prefix of its stored name stays one object, and is undone as one", async () => {
    using world = await World.create();
    const empty = world.kubernetes.dump();
    world.etcd.put(policyKey("shop/default.foo"), policyValue("shop/default.foo"));
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock");
    world.etcd.delete(policyKey("shop/default.foo"));
    world.etcd.put(policyKey("shop/foo"), policyValue("shop/foo", { order: 5 }));
    const source = world.etcd.dump();

    assertState(await approve(world, worker, runId, "lock"), "Succeeded");

    assert.match(targetPolicy(world, "foo") ?? "", /"order":5/);
    await rollBack(world, worker, runId);
    assert.deepEqual(changed(empty, world.kubernetes.dump()), []);
    assert.deepEqual(changed(source, world.etcd.dump()), []);
  });

  test("two new resources that become one object stop the run until one of them is deleted", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock");
    world.etcd.put(policyKey("shop/default.bar"), policyValue("shop/default.bar", { order: 1 }));
    world.etcd.put(policyKey("shop/bar"), policyValue("shop/bar", { order: 2 }));

    const { run } = await approve(world, worker, runId, "lock");
    world.etcd.delete(policyKey("shop/default.bar"));

    assert.equal(run.failure?.code, "CATCH_UP_BLOCKED");
    assertState(await resume(world, worker, runId), "Succeeded");
    assert.match(targetPolicy(world, "bar") ?? "", /"order":2/);
  });

  test("what came late and cannot be carried is left behind as far as a person has seen it, and no further", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock");
    const putProfile = (n: number): void => {
      const name = `late-${n}`;
      world.etcd.put(resourceKey("profiles", name), JSON.stringify(resource("Profile", name, {})));
    };
    putProfile(0);
    world.etcd.put(policyKey("shop/late-0"), policyValue("shop/late-0"));
    const first = (await approve(world, worker, runId, "lock")).run.waiting;
    assert.deepEqual([first?.reason, first?.subject, first?.count], ["Approval", "uncarried-late", 1]);
    assert.match(first?.message ?? "", /profiles\/late-0 \(/);

    for (let n = 1; n < 20; n++) putProfile(n);
    await worker.engine.approve(runId, "test", "uncarried-late", first?.fingerprint);
    const again = (await resume(world, worker, runId)).run.waiting;

    assert.deepEqual([again?.subject, again?.count], ["uncarried-late", 20]);
    assertState(await approve(world, worker, runId, "uncarried-late"), "Succeeded");
    assert.ok(targetPolicy(world, "late-0"));
  });

  test("a broken value stops the run until it is mended", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock");
    world.etcd.put(policyKey("shop/bad"), "{not json");

    const { run } = await approve(world, worker, runId, "lock");
    world.etcd.put(policyKey("shop/bad"), policyValue("shop/bad"));

    assert.equal(run.failure?.code, "CATCH_UP_BLOCKED");
    assert.match(run.failure.message, /shop\/bad/);
    assertState(await resume(world, worker, runId), "Succeeded");
    assert.ok(targetPolicy(world, "bad"));
  });

  test("a broken value that comes in a later round stops the run until it is mended", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock", { options: { quietMs: 5_000 } });
    await worker.engine.approve(runId, "test", "lock");
    await world.drive(worker, runId, ({ waiting }) => waiting?.reason === "Gate");
    world.etcd.put(policyKey("shop/bad"), "{not json");

    const { run } = await world.drive(worker, runId);
    world.etcd.put(policyKey("shop/bad"), policyValue("shop/bad"));

    assert.equal(run.failure?.code, "CATCH_UP_BLOCKED");
    assertState(await resume(world, worker, runId), "Succeeded");
    assert.ok(targetPolicy(world, "bad"));
  });

  test("a value that was broken for a while, and mended many changes later, stops nothing", async () => {
    using world = await World.create();
    const worker = world.worker();
    const runId = await runUpTo(world, worker, "lock");
    world.etcd.put(policyKey("shop/bad"), "{not json");
    for (let order = 0; order < 600; order++)
      world.etcd.put(policyKey("shop/busy"), policyValue("shop/busy", { order }));
    world.etcd.put(policyKey("shop/bad"), policyValue("shop/bad"));

    assertState(await approve(world, worker, runId, "lock"), "Succeeded");

    assert.ok(targetPolicy(world, "bad"));
  });

  for (const compacted of [false, true]) {
    test(`what was agreed to stay behind may change${compacted ? ", although etcd has forgotten how" : ""}`, async () => {
      using world = await World.create();
      const profile = (label: string): string =>
        JSON.stringify(resource("Profile", "own", { labelsToApply: { label } }));
      world.etcd.put(resourceKey("profiles", "own"), profile("a"));
      world.etcd.put(policyKey("gone/p"), policyValue("gone/p"));
      const worker = world.worker();
      const runId = await runUpTo(world, worker, "lock");
      world.etcd.put(resourceKey("profiles", "own"), profile("b"));
      world.etcd.put(policyKey("gone/p"), policyValue("gone/p", { order: 3 }));
      if (compacted) world.etcd.compact();

      const { waiting } = (await approve(world, worker, runId, "lock")).run;
      assert.deepEqual([waiting?.subject, waiting?.count], ["uncarried", 2]);
      assertState(await approve(world, worker, runId, "uncarried"), "Succeeded");

      assert.equal(world.kubernetes.dump()[`${V1}/networkpolicies/gone/p`], undefined);
    });
  }
});
