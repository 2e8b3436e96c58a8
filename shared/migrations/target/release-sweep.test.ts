import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Sweep } from "../../engine/migration.ts";
import type { BatchRecord, Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { runFieldManager } from "../../kubernetes/managed-fields.ts";
import type { ListOptions, ListPage, ObjectRef, ResourceRef } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { FakeKubernetes } from "../testing/fake-kubernetes.ts";
import { contextOn } from "../testing/plain-context.ts";
import { releaseSweep } from "./release-sweep.ts";
import { objectId } from "./released.ts";

const POOLS = { apiVersion: "crd.projectcalico.org/v1", plural: "ippools" };
const RUN = "etcd-to-kubernetes-1a2b3c4d";
const OURS = { fieldManager: runFieldManager(RUN) };
const COUNT = 25;
const OPTIONS = { batchSize: 10 };

type Context = Parameters<Sweep<ClusterConnections, typeof OPTIONS>["work"]>[0];

/** A cluster that counts how often single objects are read, and whose whole pages may be too large. */
class Counting extends FakeKubernetes {
  gets = 0;
  tooLarge = false;
  /** Before a page is read as a whole for the first time. */
  before: (() => Promise<unknown>) | undefined;

  override get(ref: ObjectRef): Promise<JsonObject> {
    this.gets++;
    return super.get(ref);
  }

  override async list(ref: ResourceRef, options: ListOptions = {}): Promise<ListPage> {
    if (options.metadataOnly === true) return super.list(ref, options);
    if (this.tooLarge) throw new KubernetesApiError("KUBERNETES_ANSWER_TOO_LARGE", "too large", { next: "" });
    const page = await super.list(ref, options);
    const { before } = this;
    this.before = undefined;
    await before?.();
    return page;
  }
}

async function filled(): Promise<Counting> {
  const kubernetes = new Counting();
  for (let index = 0; index < COUNT; index++)
    await kubernetes.create(POOLS, { kind: "IPPool", metadata: { name: nameOf(index) }, spec: {} }, OURS);
  return kubernetes;
}

function nameOf(index: number): string {
  return `pool-${String(index).padStart(2, "0")}`;
}

/** Sweeps as the engine does; `alter` changes batches as they are stored. */
async function sweep(
  kubernetes: Counting,
  by: "patch" | "replace",
  alter = (scope: JsonObject): JsonObject => scope,
): Promise<void> {
  const rows: Checkpoint[] = [];
  const ledger = { put: () => Promise.resolve([]), findByTarget: () => Promise.resolve(rows) };
  const context = {
    ...contextOn(kubernetes, RUN),
    options: OPTIONS,
    ledger: () => ledger,
  } as unknown as Context;
  const stage = releaseSweep<typeof OPTIONS>({
    name: "release",
    title: "release",
    resourcesOf: () => Promise.resolve([POOLS]),
    idOf: objectId,
    by,
  });
  for (let cursor; ;) {
    const step = await stage.plan(context, cursor);
    if ("wait" in step) throw new Error("nothing is to be waited for");
    for (const { scope } of step.batches)
      await stage.work(context, { scope: alter(scope) } as unknown as BatchRecord);
    if (step.done === true) return;
    ({ cursor } = step);
  }
}

describe("a sweep that releases fields", () => {
  for (const by of ["patch", "replace"] as const) {
    test(`reads whole pages instead of single objects (${by})`, async () => {
      const kubernetes = await filled();
      await sweep(kubernetes, by);
      assert.deepEqual(kubernetes.managedByRuns(), []);
      assert.equal(kubernetes.gets, 0);
    });

    test(`keeps what somebody writes, or deletes, after the page was read (${by})`, async () => {
      const kubernetes = await filled();
      const edited = { ...POOLS, name: nameOf(3) };
      kubernetes.before = async () => {
        await kubernetes.patch(
          edited,
          { spec: { disabled: true } },
          { type: "merge", fieldManager: "somebody" },
        );
        await kubernetes.delete({ ...POOLS, name: nameOf(4) });
      };
      await sweep(kubernetes, by);
      assert.deepEqual(kubernetes.managedByRuns(), []);
      assert.deepEqual((await kubernetes.get(edited))["spec"], { disabled: true });
      assert.equal((await kubernetes.list(POOLS)).items.length, COUNT - 1);
    });
  }

  test("reads objects one by one where a page is too large, and where a run's batch is older than pages", async () => {
    for (const isOld of [false, true]) {
      const kubernetes = await filled();
      kubernetes.tooLarge = !isOld;
      await sweep(kubernetes, "replace", ({ page, ...scope }) =>
        isOld ? scope : { ...scope, ...(page === undefined ? {} : { page }) },
      );
      assert.deepEqual(kubernetes.managedByRuns(), []);
      assert.equal(kubernetes.gets, COUNT);
    }
  });

  test("reads single objects where few of a page have traces", async () => {
    const kubernetes = new Counting();
    for (let index = 0; index < COUNT; index++) {
      const options = index === 3 ? OURS : {};
      await kubernetes.create(POOLS, { kind: "IPPool", metadata: { name: nameOf(index) } }, options);
    }
    await sweep(kubernetes, "replace");
    assert.deepEqual(kubernetes.managedByRuns(), []);
    assert.equal(kubernetes.gets, 1);
    const { items } = await kubernetes.list(POOLS);
    assert.deepEqual(textAt(items[3] ?? {}, "metadata", "name"), nameOf(3));
  });
});
