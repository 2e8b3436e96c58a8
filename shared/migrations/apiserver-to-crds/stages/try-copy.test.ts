import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../../json.ts";
import { KubernetesApiError } from "../../../kubernetes/errors.ts";
import { policy } from "../testing/source.ts";
import { assertState, startWhole, wholeWorld, wholeWorldWithoutSecondVersion } from "../testing/whole.ts";
import type { World } from "../testing/world.ts";

const OLD = { apiVersion: "crd.projectcalico.org/v1", plural: "networkpolicies", namespace: "shop" };
const SECOND = "create projectcalico.org/v3/";
/** More than a page of the list. */
const MANY = 12;

function refusal(message: string): KubernetesApiError {
  return new KubernetesApiError("KUBERNETES_INVALID", message, { next: "", status: 422 });
}

/** The server refuses objects that name it, each for two reasons; gives how many were tried. */
function refusing({ cluster }: World, text: string): () => number {
  let tried = 0;
  cluster.hooks.dryRun = (write, object) => {
    if (!write.startsWith(SECOND)) return object;
    tried++;
    if (!JSON.stringify(object).includes(text)) return object;
    throw refusal(`${write}: spec.a: no ${text}; spec.b: no ${text} either`);
  };
  return () => tried;
}

/** A rule whose JSON has this many bytes more than the shortest. */
function allowing(bytes: number): JsonObject {
  const annotations = { note: "x".repeat(bytes) };
  return { ingress: [{ action: "Allow", metadata: { annotations }, source: {}, destination: {} }] };
}

async function createForbidden({ cluster }: World): Promise<void> {
  for (let index = 0; index < MANY; index++)
    await cluster.create(OLD, policy(`forbidden-${10 + index}`, { types: ["Ingress"] }));
}

describe("before the first native object is written, every one is tried", () => {
  test("and all that would be refused is named, with all reasons, until it is mended", async () => {
    using world = await wholeWorld();
    await createForbidden(world);
    const tried = refusing(world, "forbidden");
    const worker = world.worker();
    const runId = await startWhole(worker, { options: { batchSize: 5 }, stopBefore: "verify-copy" });
    const { run } = await world.drive(worker, runId);

    assert.deepEqual([run.failure?.code, run.stage], ["COPY_REFUSED", "try-copy"]);
    assert.match(
      run.failure?.message ?? "",
      /would refuse 12 objects: .*forbidden-10 .*no forbidden; .* either/,
    );
    const rows = await worker.embedded.store.listCheckpoints(runId, "blockers", {
      states: ["failed"],
      limit: 100,
    });
    assert.equal(rows.length, MANY);
    const written = Object.keys(world.cluster.dump()).filter((path) =>
      path.startsWith("projectcalico.org/v3/networkpolicies/"),
    );
    assert.deepEqual(written, []);
    assert.ok(tried() > MANY);

    delete world.cluster.hooks.dryRun;
    await worker.engine.resume(runId);
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "verify-copy");
    const left = await worker.embedded.store.listCheckpoints(runId, "blockers", {
      states: ["failed"],
      limit: 1,
    });
    assert.deepEqual(left, []);
  });

  test("what admission would change is refused as well, and what cannot be tried refuses nothing", async () => {
    using world = await wholeWorld();
    await world.cluster.create(OLD, policy("changed", { types: ["Ingress"] }));
    world.cluster.hooks.dryRun = (write, object) => {
      if (!write.startsWith(SECOND)) return object;
      if (write.endsWith("/owned")) {
        const message = 'admission webhook "x" does not support dry run';
        throw new KubernetesApiError("KUBERNETES_INVALID", message, { next: "", status: 400 });
      }
      return write.endsWith("/changed") ? { ...object, spec: { types: ["Egress"] } } : object;
    };
    const worker = world.worker();
    const { run, stages } = await world.drive(worker, await startWhole(worker));
    assert.equal(run.failure?.code, "COPY_REFUSED", JSON.stringify(stages.at(-1)));
    assert.match(
      run.failure.message,
      /would refuse 1 objects: .*\/changed .*changes it on its way: .*spec\.types/,
    );
  });

  test("an object of 2 MB, which the cluster's etcd was told to take, is no fault", async () => {
    using world = await wholeWorld();
    await world.cluster.create(OLD, policy("vast", { types: ["Ingress"], ...allowing(2_000_000) }));
    const worker = world.worker();
    const { run } = await world.drive(worker, await startWhole(worker, { stopBefore: "verify-copy" }));
    assert.equal(run.waiting?.subject, "verify-copy", run.failure?.message);
  });

  test("but for what is left out then, as the error advises", async () => {
    using world = await wholeWorld();
    await world.cluster.create(OLD, policy("forbidden", { types: ["Ingress"] }));
    refusing(world, "forbidden");
    const worker = world.worker();
    const runId = await startWhole(worker, { stopBefore: "verify-copy" });
    assert.match((await world.drive(worker, runId)).run.failure?.next ?? "", /`resume` with --skip KIND/);
    await worker.engine.resume(runId, { objects: ["NetworkPolicy/shop/forbidden"], by: "ann" });
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "verify-copy");
  });

  test("where they can be reached: without the second version the copy judges them", async () => {
    using world = await wholeWorldWithoutSecondVersion();
    const tried = refusing(world, "forbidden");
    const worker = world.worker();
    assertState(await world.drive(worker, await startWhole(worker)), "Succeeded");
    assert.equal(tried(), 0);
  });
});
