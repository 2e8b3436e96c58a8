import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { resource, resourceKey, SAMPLES } from "../../calico/testing/samples.ts";
import type { JsonObject } from "../../json.ts";
import { errorOfAnswer } from "../../kubernetes/answers.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { changed } from "../testing/dumps.ts";
import { policyKey, policyValue } from "./testing/policies.ts";
import { approve, assertState, resume, rollBack } from "./testing/steps.ts";
import { sidesOf, startRun, type Worker, World } from "./testing/world.ts";

/** A check as it was recorded. */
interface Recorded {
  status: string;
  message: string;
  items: string[];
  count: number;
}

async function checkOf(world: World, worker: Worker, runId: string, id: string): Promise<Recorded> {
  const { stages } = await world.describe(worker, runId);
  const checks = stages.find(({ stage }) => stage === "preflight")?.notes["checks"] as JsonObject[];
  return checks.find((check) => check["id"] === id) as unknown as Recorded;
}

const NETWORK_POLICIES = "networkpolicies.crd.projectcalico.org";

/** Gives the target's CRD of network policies a schema. */
async function withSchema(world: World, spec: JsonObject): Promise<void> {
  const ref = {
    apiVersion: "apiextensions.k8s.io/v1",
    plural: "customresourcedefinitions",
    name: NETWORK_POLICIES,
  };
  const openAPIV3Schema = { type: "object", properties: { spec } };
  const versions = [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }];
  await world.kubernetes.patch(ref, { spec: { versions } }, { type: "merge" });
}

const SETS = "globalnetworksets.crd.projectcalico.org";
const CRDS = { apiVersion: "apiextensions.k8s.io/v1", plural: "customresourcedefinitions" };

function setValue(name: string, nets: string[]): string {
  return JSON.stringify(resource("GlobalNetworkSet", name, { nets }));
}

/** The server refuses sets that name it, as an admission policy would. */
function refusing(text: string): (write: string, object: JsonObject) => JsonObject {
  return (write, object) => {
    if (!JSON.stringify(object).includes(text)) return object;
    throw new KubernetesApiError("KUBERNETES_ADMISSION_DENIED", `${write}: no ${text}, says the policy`, {
      next: "",
      status: 403,
    });
  };
}

describe("a selector that Calico cannot read", () => {
  test("stops the run in preflight, each by its member, until it is mended", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("shop/broken"), policyValue("shop/broken", { selector: "a ===== b" }));
    const rule = { action: "Allow", source: { notSelector: "has(" } };
    world.etcd.put(policyKey("shop/worse"), policyValue("shop/worse", { ingress: [rule] }));
    const worker = world.worker();
    const runId = await startRun(worker, { stopBefore: "backup" });
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "PREFLIGHT_FAILED");
    const { status, items, count } = await checkOf(world, worker, runId, "values-valid");
    assert.deepEqual([status, count], ["fail", 2]);
    assert.match(items.join("; "), /shop\/broken \(spec\.selector is no selector .*character 5/);
    assert.match(items.join("; "), /shop\/worse \(spec\.ingress\[0\]\.source\.notSelector is no selector/);

    world.etcd.put(policyKey("shop/broken"), policyValue("shop/broken", { selector: "a == 'b'" }));
    world.etcd.put(policyKey("shop/worse"), policyValue("shop/worse", {}));
    await worker.engine.resume(runId);
    assert.equal((await world.drive(worker, runId)).run.waiting?.subject, "backup");
  });
});

describe("a manifest that cannot be read", () => {
  for (const [option, teller] of [
    ["manifest", "manifest"],
    ["rollbackManifest", "access"],
  ] as const) {
    test(`is told once, with what to do about it: ${option}`, async () => {
      using world = await World.create();
      const worker = world.worker();
      const runId = await startRun(worker, { options: { [option]: "/none/calico.yaml" } });
      const { run, stages } = await world.drive(worker, runId);

      assert.equal(run.failure?.code, "PREFLIGHT_FAILED");
      assert.match(run.failure.message, new RegExp(`^${teller}: MANIFEST_NOT_FOUND: /none/calico.yaml`));
      assert.equal(run.failure.next, "Give an existing file or directory.");
      const checks = stages.find(({ stage }) => stage === "preflight")?.notes["checks"] as JsonObject[];
      const failed = checks.filter(({ status }) => status === "fail");
      assert.deepEqual(
        failed.map(({ id, fix }) => [id, fix]),
        [[teller, "Give an existing file or directory."]],
      );
      const stopped = checks.filter(({ message }) => message === `not found out: see ${teller}`);
      assert.deepEqual([...new Set(stopped.map(({ status }) => status))], ["unknown"]);
    });
  }
});

describe("annotations of a Node that others write to", () => {
  test("are written, and put back, over their writes", async () => {
    using world = await World.create();
    const before = sidesOf(world);
    let contested = 0;
    world.kubernetes.hooks.before = (write) => {
      if (!/^patch v1\/nodes\//.test(write) || ++contested % 3 === 0) return;
      throw new KubernetesApiError("KUBERNETES_CONFLICT", `${write}: it was changed`, {
        next: "",
        status: 409,
      });
    };
    const worker = world.worker();
    const runId = await startRun(worker, { stopBefore: "lock" });
    const { run } = await world.drive(worker, runId);
    assert.equal(run.waiting?.subject, "lock", JSON.stringify([run.stage, run.failure]));
    assert.ok(contested > 2, `${contested} writes`);
    await rollBack(world, worker, runId);
    assert.deepEqual(sidesOf(world), before);
  });
});

test("what is created is created though others write to a quota, or to what admits it, at the same moment", async () => {
  using world = await World.create();
  const before = sidesOf(world);
  const contested = new Set<string>();
  world.kubernetes.hooks.before = (write) => {
    if (!write.startsWith("create ") || contested.has(write)) return;
    contested.add(write);
    throw new KubernetesApiError("KUBERNETES_CONFLICT", `${write}: try again`, { next: "", status: 409 });
  };
  const worker = world.worker();
  const runId = await startRun(worker);
  assertState(await world.drive(worker, runId), "Succeeded");
  assert.ok([...contested].some((write) => write.includes("clusterinformations/")));
  await rollBack(world, worker, runId);
  assert.deepEqual(changed(before.kubernetes, sidesOf(world).kubernetes), []);
});

describe("the dry run of every object", () => {
  test("is repeated while others write at the same moment, and takes that for no refusal", async () => {
    using world = await World.create();
    let conflicts = 0;
    world.kubernetes.hooks.dryRun = (write, object) => {
      if (!JSON.stringify(object).includes("contested") || ++conflicts > 2) return object;
      throw new KubernetesApiError("KUBERNETES_CONFLICT", `${write}: a quota was changed`, {
        next: "",
        status: 409,
      });
    };
    world.etcd.put(resourceKey("globalnetworksets", "contested"), setValue("contested", []));
    const worker = world.worker();
    const { run } = await world.drive(worker, await startRun(worker, { stopBefore: "backup" }));

    assert.equal(run.failure, undefined);
    assert.ok(conflicts > 2);
  });

  test("tells all that would be refused, of every rank, and writes nothing", async () => {
    using world = await World.create();
    world.kubernetes.hooks.dryRun = refusing("forbidden");
    world.etcd.put(resourceKey("globalnetworksets", "forbidden"), setValue("forbidden", []));
    world.etcd.put(
      resourceKey("hostendpoints", "forbidden"),
      JSON.stringify(resource("HostEndpoint", "forbidden", { node: "node-b" })),
    );
    const before = sidesOf(world);
    const worker = world.worker();
    const runId = await startRun(worker);
    const { run } = await world.drive(worker, runId);

    assert.equal(run.failure?.code, "PREFLIGHT_FAILED");
    const { count, items } = await checkOf(world, worker, runId, "server-accepts");
    assert.equal(count, 2);
    assert.match(items.join(), /globalnetworksets\/forbidden .*says the policy.*hostendpoints\/forbidden/);
    assert.deepEqual(sidesOf(world), before);
  });

  test("goes on after a resume once what it told is mended", async () => {
    using world = await World.create();
    world.kubernetes.hooks.dryRun = refusing("forbidden");
    world.etcd.put(resourceKey("globalnetworksets", "s"), setValue("s", ["forbidden"]));
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);
    world.etcd.put(resourceKey("globalnetworksets", "s"), setValue("s", []));

    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("tells an object that admission changes, and one that etcd would not take", async () => {
    using world = await World.create();
    world.kubernetes.hooks.dryRun = (write, object) =>
      write.endsWith("/mutated") ? { ...object, spec: { nets: ["192.0.2.0/24"] } } : object;
    world.etcd.put(resourceKey("globalnetworksets", "mutated"), setValue("mutated", []));
    const nets = Array.from({ length: 120_000 }, (_, n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}/32`);
    world.etcd.put(resourceKey("globalnetworksets", "vast"), setValue("vast", nets));
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);

    const { items } = await checkOf(world, worker, runId, "server-accepts");
    assert.match(items.join(), /mutated \(an admission policy .*spec\.nets.*vast \(it has \d+ bytes/);
  });

  test("an object that etcd finds too large while it is copied is named at once, tried once, and goes on when it is smaller", async () => {
    using world = await World.create();
    const key = resourceKey("globalnetworksets", "vast");
    let tries = 0;
    world.kubernetes.hooks.before = (write) => {
      if (!write.endsWith("globalnetworksets/vast")) return;
      if (!(world.etcd.dump()[key] ?? "").includes("10.0.0.0/8")) return;
      tries += 1;
      const message = "etcdserver: request is too large";
      const text = JSON.stringify({ kind: "Status", status: "Failure", message, code: 500 });
      const path = "/apis/crd.projectcalico.org/v1/globalnetworksets/vast";
      throw errorOfAnswer("POST", path, { status: 500, retryAfter: undefined, text });
    };
    world.etcd.put(key, setValue("vast", ["10.0.0.0/8"]));
    const worker = world.worker();
    const runId = await startRun(worker);
    const { run } = await world.drive(worker, runId);
    assert.deepEqual([run.failure?.code, run.stage, tries], ["COPY_FAILED", "pre-copy", 1]);
    assert.match(
      run.failure?.message ?? "",
      /globalnetworksets\/vast \(KUBERNETES_TOO_LARGE: .*; Make the object smaller, or split it: etcd takes 1\.5 MiB/,
    );
    world.etcd.put(key, setValue("vast", ["192.0.2.0/24"]));

    assertState(await resume(world, worker, runId), "Succeeded");
  });

  test("a refusal while copying is settled by what etcd holds after a resume", async () => {
    using world = await World.create();
    world.kubernetes.hooks.before = (write) => {
      if (
        !write.endsWith("globalnetworksets/s") ||
        world.etcd.dump()[resourceKey("globalnetworksets", "s")]?.includes("192.0.2") === true
      )
        return;
      throw new KubernetesApiError("KUBERNETES_INVALID", "no", { next: "", status: 422 });
    };
    world.etcd.put(resourceKey("globalnetworksets", "s"), setValue("s", []));
    const worker = world.worker();
    const runId = await startRun(worker);
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "COPY_FAILED");
    world.etcd.put(resourceKey("globalnetworksets", "s"), setValue("s", ["192.0.2.0/24"]));

    assertState(await resume(world, worker, runId), "Succeeded");
    assert.match(world.kubernetes.dump()["crd.projectcalico.org/v1/globalnetworksets/s"] ?? "", /192\.0\.2/);
  });
});

/** Gives a CRD of the target a schema for its spec. */
async function specSchema(world: World, name: string, properties: JsonObject): Promise<void> {
  const spec = { type: "object", properties };
  const openAPIV3Schema = { type: "object", properties: { spec } };
  const versions = [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }];
  await world.kubernetes.patch({ ...CRDS, name }, { spec: { versions } }, { type: "merge" });
}

describe("what the target takes in one spelling only", () => {
  test("is respelt and told, and both sides mean the same from then on", async () => {
    using world = await World.create();
    const network = { type: "string", format: "cidr" };
    await specSchema(world, SETS, {
      nets: { type: "array", "x-kubernetes-list-type": "set", items: network },
    });
    const key = resourceKey("globalnetworksets", "cdn");
    world.etcd.put(key, setValue("cdn", ["192.0.2.1", "198.51.100.0/24", "192.0.2.1/32"]));
    const worker = world.worker();
    const runId = await startRun(worker);
    assertState(await world.drive(worker, runId), "Succeeded");

    const { status, items } = await checkOf(world, worker, runId, "spelling");
    assert.equal(status, "fail");
    assert.match(
      items.join(),
      /cdn \(spec\.nets\[0\]: the address 192\.0\.2\.1 becomes .*spec\.nets\[2\]: it repeats/,
    );
    const written = world.kubernetes.dump()["crd.projectcalico.org/v1/globalnetworksets/cdn"] ?? "";
    assert.match(written, /\["192\.0\.2\.1\/32","198\.51\.100\.0\/24"\]/);
    const source = world.etcd.dump()[key];
    await rollBack(world, worker, runId);
    assert.equal(world.etcd.dump()[key], source);
  });

  test("settings that the target's Calico has no more are left out, by consent and by name", async () => {
    using world = await World.create();
    await specSchema(world, "felixconfigurations.crd.projectcalico.org", {
      logSeverityScreen: { type: "string" },
    });
    for (const { key } of SAMPLES.filter((one) => one.key.includes("felixconfigurations")))
      world.etcd.delete(key);
    const spec = { logSeverityScreen: "Info", ignoreLooseRPF: true, iptablesLockTimeout: "10s" };
    world.etcd.put(
      resourceKey("felixconfigurations", "default"),
      JSON.stringify(resource("FelixConfiguration", "default", spec)),
    );
    const worker = world.worker();
    const runId = await startRun(worker);
    const { run } = await world.drive(worker, runId);

    assert.deepEqual([run.waiting?.subject, run.failure], ["uncarried", undefined]);
    const { items } = await checkOf(world, worker, runId, "all-carried");
    const lost = items.find((item) => item.includes("felixconfigurations/default")) ?? "";
    assert.match(lost, /spec\.ignoreLooseRPF: .*; spec\.iptablesLockTimeout: /);
    assertState(await approve(world, worker, runId, "uncarried"), "Succeeded");
    const written = world.kubernetes.dump()["crd.projectcalico.org/v1/felixconfigurations/default"] ?? "";
    assert.match(written, /logSeverityScreen/);
    assert.doesNotMatch(written, /ignoreLooseRPF|iptablesLock/);
  });
});

describe("what preflight names", () => {
  test("is what is meant, however many problems of other kinds there are", async () => {
    using world = await World.create();
    for (let index = 0; index < 1100; index++) world.etcd.put(policyKey(`aaa/p${index}`), "{");
    world.etcd.put(policyKey("shop/foo"), policyValue("shop/foo"));
    world.etcd.put(policyKey("shop/default.foo"), policyValue("shop/default.foo"));
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);

    const { items, count } = await checkOf(world, worker, runId, "names-unique");

    assert.equal(count, 1);
    assert.match(items[0] ?? "", /shop\/(default\.)?foo \(it would become/);
  });

  test("is every fault of an object, not the first", async () => {
    using world = await World.create();
    const order = { type: "number", maximum: 5 };
    await withSchema(world, {
      type: "object",
      properties: { order, selector: { type: "string", maxLength: 3 }, types: { type: "array" } },
    });
    const spec = { order: 9, colour: "red", shape: "round" };
    world.etcd.put(policyKey("shop/faulty"), policyValue("shop/faulty", spec));
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);

    const { items } = await checkOf(world, worker, runId, "schema-accepts");

    const faulty = items.find((item) => item.includes("shop/faulty")) ?? "";
    for (const path of ["spec.order", "spec.selector", "spec.colour", "spec.shape"])
      assert.ok(faulty.includes(path), `${path} is not in ${faulty}`);
  });

  test("is of this reading alone, though etcd is at the same revision", async () => {
    using world = await World.create();
    world.etcd.put(policyKey("late/a"), policyValue("late/a"));
    world.etcd.put(policyKey("later/b"), policyValue("later/b"));
    world.etcd.put(policyKey("shop/order"), policyValue("shop/order", { order: 9 }));
    await withSchema(world, { type: "object", properties: { order: { type: "string" } } });
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);
    await withSchema(world, { type: "object", "x-kubernetes-preserve-unknown-fields": true });
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "late" } };
    await world.kubernetes.create({ apiVersion: "v1", plural: "namespaces" }, namespace);
    await resume(world, worker, runId);

    const { items, count } = await checkOf(world, worker, runId, "all-carried");

    assert.equal(items.filter((item) => item.includes("/networkpolicies/")).length, 1, items.join("\n"));
    assert.equal(items.length, count);
  });

  test("of the target's own data is found behind any number of derived policies", async () => {
    using world = await World.create();
    const ref = { apiVersion: "crd.projectcalico.org/v1", plural: "networkpolicies", namespace: "shop" };
    for (const name of [...Array.from({ length: 60 }, (_, n) => `knp.default.p${n}`), "own"])
      await world.kubernetes.create(ref, {
        apiVersion: ref.apiVersion,
        kind: "NetworkPolicy",
        metadata: { name, namespace: "shop" },
      });
    const worker = world.worker();
    const runId = await startRun(worker);
    await world.drive(worker, runId);

    const { status, items } = await checkOf(world, worker, runId, "target-empty");

    assert.deepEqual([status, items], ["fail", ["NetworkPolicy shop/own"]]);
  });
});
