import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { keptObjects } from "../kept-objects.ts";
import { Life } from "../testing/life.ts";
import type { Described, Worker } from "../testing/run-world.ts";
import { assertState, goOn, rollBack, runBefore, wholeWorld } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const CLUSTER_INFORMATION = { apiVersion: "projectcalico.org/v3", plural: "clusterinformations" };
const POLICIES = { apiVersion: "projectcalico.org/v3", plural: "networkpolicies", namespace: "shop" };
const SUBJECT = "accepted writes to native objects, not in force";
const WEB = "projectcalico.org/v3/networkpolicies/shop/secure.web";

type Write = (world: World) => Promise<unknown>;

/** What a user does while the native CRDs serve projectcalico.org/v3, and what the end of the way back says of it. */
const WRITES: Record<"created" | "changed" | "deleted", { write: Write; told: (when: string) => RegExp }> = {
  created: {
    write: async ({ cluster, clock }) =>
      cluster.create(POLICIES, {
        kind: "NetworkPolicy",
        metadata: { name: "new", namespace: "shop", creationTimestamp: new Date(clock.now()).toISOString() },
        spec: { order: 7 },
      }),
    told: (when) =>
      new RegExp(
        `networkpolicies/shop/new: created by user ${when}, .*: create it again \\(.*describe \\S+ -o json. has`,
      ),
  },
  changed: {
    write: ({ cluster }) =>
      cluster.patch({ ...POLICIES, name: "secure.web" }, { spec: { order: 7 } }, { type: "merge" }),
    told: (when) =>
      new RegExp(
        `networkpolicies/shop/secure\\.web: changed by user ${when}, .*: make the change again \\(.*describe \\S+ -o json. has`,
      ),
  },
  deleted: {
    write: ({ cluster }) => cluster.delete({ ...POLICIES, name: "secure.web" }),
    told: (when) => new RegExp(`networkpolicies/shop/secure\\.web: deleted ${when}, .*: delete it again$`),
  },
};
const KINDS = ["created", "changed", "deleted"] as const;
const INSIDE = "inside the lock";
const LATE = "after the native group was locked again";

/** The accepted writes that the end of a way back names. */
function named({ stages }: Described): string[] {
  const { notes } = stages.find(({ stage }) => stage === "verify-undone") ?? { notes: {} };
  const left = (notes as { left?: string[] }).left ?? [];
  return left.filter((one) => one.startsWith(`${SUBJECT}: `));
}

/** What a person gets back of what was written, as `describe` shows it. */
async function kept({ embedded }: Worker, runId: string): Promise<JsonObject[]> {
  const rows = await embedded.store.listCheckpoints(runId, "native-writes", { limit: 100 });
  return [...(await keptObjects(embedded.artifacts, rows)).values()];
}

async function eventOf({ embedded }: Worker, runId: string): Promise<JsonObject | undefined> {
  const events = await embedded.store.listEvents({ runId, after: 0, limit: 1000 });
  return events.find(({ type }) => type === "writes.dropped")?.data;
}

async function writesInTheLock(world: World, worker: Worker, write: Write): Promise<string> {
  const runId = await runBefore(world, worker, "catch-up-last", { onLockFailure: "rollback" });
  await write(world);
  return runId;
}

/** Takes a run back after the unlock, and writes once, right after the write that `isAfter` knows. */
async function writesOnTheWayBack(
  world: World,
  worker: Worker,
  { isAfter, write }: { isAfter: (write: string) => boolean | Promise<boolean>; write: Write },
): Promise<{ runId: string; described: Described }> {
  const runId = await runBefore(world, worker, "cleanup");
  await worker.engine.undo(runId, "rollback");
  let isDone = false;
  world.meanwhile.after.push(async (one) => {
    if (isDone || !(await isAfter(one))) return;
    isDone = true;
    await write(world);
  });
  const described = await world.drive(worker, runId);
  assert.ok(isDone);
  return { runId, described };
}

/** True right after the first write of the way back that follows the lock of the native group. */
async function isLockedAgain({ cluster }: World, write: string): Promise<boolean> {
  if (/^\w+ projectcalico\.org\/v3\/clusterinformations\//.test(write)) return false;
  const { spec } = await cluster.get({ ...CLUSTER_INFORMATION, name: "default" });
  return (spec as JsonObject)["datastoreReady"] === false;
}

describe("a write to a native object that was accepted inside the lock", () => {
  for (const what of KINDS) {
    const { write, told } = WRITES[what];
    test(`is named at the end of the way back where an object was ${what}`, async () => {
      using world = await wholeWorld();
      const worker = world.worker();
      const runId = await writesInTheLock(world, worker, write);

      const described = await goOn(world, worker, runId, "catch-up-last");

      assertState(described, "RolledBack");
      assert.equal(described.run.conditions.find(({ type }) => type === "WentBack")?.status, "True");
      assert.equal(named(described).length, 1, JSON.stringify(named(described)));
      assert.match(named(described)[0] ?? "", told(INSIDE));
      const event = await eventOf(worker, runId);
      assert.equal(event?.["count"], 1);
      assert.match(textAt(event, "next"), new RegExp(`describe ${runId} -o json`));
    });
  }

  for (const what of ["created", "changed"] as const)
    test(`can be made again as it was where an object was ${what}, out of what is kept`, async () => {
      using world = await wholeWorld();
      const worker = world.worker();
      const runId = await writesInTheLock(world, worker, WRITES[what].write);
      assertState(await goOn(world, worker, runId, "catch-up-last"), "RolledBack");

      const [object, ...others] = await kept(worker, runId);

      assert.ok(object !== undefined && others.length === 0);
      const { name } = object["metadata"] as { name: string };
      const ref = { ...POLICIES, name };
      await (what === "created" ? world.cluster.create(POLICIES, object) : applied(world, ref, object));
      const v1 = await world.cluster.get({ ...ref, apiVersion: "crd.projectcalico.org/v1" });
      assert.equal((v1["spec"] as JsonObject)["order"], 7);
    });

  test("is named also where the worker was killed right after it had deleted the first copy", async () => {
    using world = await wholeWorld();
    const first = world.worker(new Life());
    const runId = await writesInTheLock(world, first, async (each) => {
      await WRITES.created.write(each);
      await WRITES.changed.write(each);
    });
    world.meanwhile.after.push((write) => {
      if (write.startsWith("delete projectcalico.org/v3precopy/")) first.life.kill();
      return Promise.resolve();
    });
    await goOn(world, first, runId, "catch-up-last");
    assert.ok(first.life.dead);
    first.close();
    world.clock.advance(60_000);

    const described = await world.drive(world.worker(), runId);

    assertState(described, "RolledBack");
    assert.equal(named(described).length, 2, JSON.stringify(named(described)));
  });

  test("is told of nobody where nobody has written", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "switch");
    await rollBack(world, worker, runId);
    assert.deepEqual(named(await world.describe(worker, runId)), []);
    assert.ok(!(WEB in world.cluster.dump()));
  });
});

describe("a write to a native object on the way back after the unlock", () => {
  for (const what of KINDS) {
    const { write, told } = WRITES[what];
    test(`is named at its end where an object was ${what} once the native group was locked again`, async () => {
      using world = await wholeWorld();
      const worker = world.worker();
      const isAfter = (one: string): Promise<boolean> => isLockedAgain(world, one);

      const { runId, described } = await writesOnTheWayBack(world, worker, { isAfter, write });

      assertState(described, "RolledBack");
      assert.equal(named(described).length, 1, JSON.stringify(named(described)));
      assert.match(named(described)[0] ?? "", told(LATE));
      assert.equal((await eventOf(worker, runId))?.["count"], 1);
      assert.equal((await kept(worker, runId)).length, what === "deleted" ? 0 : 1);
    });
  }

  test("is not named again where people were asked for it, who see all of it by name", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    await WRITES.created.write(world);
    await WRITES.deleted.write(world);
    await worker.engine.undo(runId, "rollback");
    assert.equal((await world.drive(worker, runId)).run.waiting?.count, 2);
    const rows = await worker.embedded.store.listCheckpoints(runId, "late-changes", { limit: 100 });
    assert.deepEqual(
      rows.map(({ key, state }) => [key, state]),
      [
        ["projectcalico.org/v3/networkpolicies/shop/new", "pending"],
        [WEB, "pending"],
      ],
    );
    await worker.engine.approve(runId, "test");

    const described = await world.drive(worker, runId);

    assertState(described, "RolledBack");
    assert.deepEqual(named(described), []);
    assert.equal(await eventOf(worker, runId), undefined);
  });
});

async function applied({ cluster }: World, ref: ObjectRef, object: JsonObject): Promise<void> {
  await cluster.patch(ref, { spec: object["spec"] ?? {} }, { type: "merge" });
}
