import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isKubernetesError, KubernetesApiError } from "../../../kubernetes/errors.ts";
import type { ListOptions } from "../../../kubernetes/types.ts";
import { mismatches } from "../testing/oracle.ts";
import { policy } from "../testing/source.ts";
import { startWhole, wholeWorld, wholeWorldWithoutSecondVersion } from "../testing/whole.ts";
import type { World } from "../testing/world.ts";
import { writeAsUser } from "../testing/writers.ts";

const OLD = "crd.projectcalico.org/v1";
const LISTED = `list ${OLD}/networkpolicies`;
/** Some pages of policies. */
const BATCH = 3;
const MANY = 10;

async function createPolicies({ cluster }: World): Promise<void> {
  const collection = { apiVersion: OLD, plural: "networkpolicies", namespace: "shop" };
  for (let order = 0; order < MANY; order++)
    await cluster.create(collection, policy(`many-${order}`, { order, types: ["Ingress"] }));
}

/** Somebody acts before each list of the old policies while they are copied. */
function beforeLists(world: World, act: (list: number) => Promise<void>): () => number {
  let [lists, over] = [0, false];
  world.meanwhile.lists.push(async (request) => {
    if (request === LISTED && !over) await act(++lists);
  });
  world.meanwhile.before.push((write) => {
    over ||= write.includes("/ipamblocks/");
    return Promise.resolve();
  });
  return () => lists;
}

function countExpiries({ cluster: { storage } }: World): () => number {
  let expiries = 0;
  const list = storage.list.bind(storage);
  storage.list = async (...request) => {
    try {
      return await list(...request);
    } catch (error) {
      if (isKubernetesError(error, "KUBERNETES_EXPIRED")) expiries++;
      throw error;
    }
  };
  return () => expiries;
}

/** Copies everything, and gives what the native group lacks right before its cleanup. */
async function lacking(world: World): Promise<unknown> {
  const worker = world.worker();
  const request = { options: { batchSize: BATCH }, approvals: ["unlock"], stopBefore: "cleanup" };
  const runId = await startWhole(worker, request);
  const { run } = await world.drive(worker, runId);
  assert.equal(run.waiting?.subject, "cleanup", JSON.stringify([run.stage, run.failure, run.waiting]));
  return mismatches(world.cluster);
}

for (const [name, create] of [
  ["while the aggregated API serves", wholeWorld],
  ["inside the lock", wholeWorldWithoutSecondVersion],
] as const)
  describe(`copying page by page ${name}`, () => {
    test("copies what others push off the page that it was planned on", async () => {
      using world = await create();
      await createPolicies(world);
      const lists = beforeLists(world, (list) =>
        writeAsUser(world.cluster, { name: `aaa-${list}`, act: "put", via: OLD, order: list }),
      );
      assert.deepEqual(await lacking(world), []);
      assert.ok(lists() > MANY / BATCH);
    });

    test("copies what comes before it and goes behind it", async () => {
      using world = await create();
      await createPolicies(world);
      beforeLists(world, async (list) => {
        await writeAsUser(world.cluster, { name: `many-${list % MANY}`, act: "delete", via: OLD, order: 1 });
        await writeAsUser(world.cluster, { name: `many-${list % MANY}a`, act: "put", via: OLD, order: list });
      });
      assert.deepEqual(await lacking(world), []);
    });

    test("goes on where no snapshot outlives a page, as after long pauses", async () => {
      using world = await create();
      await createPolicies(world);
      const expiries = countExpiries(world);
      let known = 0;
      beforeLists(world, async (list) => {
        // Here a list goes on that has just expired.
        if (known < expiries()) {
          known++;
          return;
        }
        await writeAsUser(world.cluster, { name: `aaa-${list}`, act: "put", via: OLD, order: list });
        world.cluster.storage.forgetSnapshots();
      });
      assert.deepEqual(await lacking(world), []);
      assert.ok(expiries() > MANY / BATCH);
    });
  });

describe("what a batch reads again", () => {
  test("is no older than what was planned, and asks nobody how far etcd is", async () => {
    using world = await wholeWorld();
    const asked = listsOfPolicies(world, () => undefined);
    assert.deepEqual(await lacking(world), []);
    const firstPages = asked.filter(
      ({ limit, continueToken }) => limit === BATCH && continueToken === undefined,
    );
    const copied = firstPages.filter(({ metadataOnly }) => metadataOnly !== true);
    assert.ok(copied.length > 0);
    assert.ok(copied.every(({ notOlderThan }) => Number(notOlderThan) > 0));
  });

  test("is the present where that version never comes, as after etcd was put back", async () => {
    using world = await wholeWorld();
    let refused = 0;
    listsOfPolicies(world, ({ notOlderThan }) => {
      if (notOlderThan === undefined) return undefined;
      refused++;
      const message = "Timeout: Too large resource version";
      return new KubernetesApiError("KUBERNETES_TIMEOUT", message, {
        next: "",
        status: 504,
        retryable: true,
      });
    });
    assert.deepEqual(await lacking(world), []);
    assert.ok(refused > 0);
  });
});

/** The lists of old policies that a run asks for, and what refuses them. */
function listsOfPolicies(
  { cluster: { storage } }: World,
  refusal: (options: ListOptions) => KubernetesApiError | undefined,
): ListOptions[] {
  const asked: ListOptions[] = [];
  const list = storage.list.bind(storage);
  storage.list = (ref, options) => {
    if (ref.plural !== "networkpolicies" || ref.apiVersion !== OLD) return list(ref, options);
    const given = options ?? {};
    asked.push(given);
    const error = refusal(given);
    return error === undefined ? list(ref, options) : Promise.reject(error);
  };
  return asked;
}
