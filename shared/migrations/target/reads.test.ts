import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { crdResource, crdStates } from "../../kubernetes/crds.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ListOptions, ListPage, ObjectRef, ResourceRef } from "../../kubernetes/types.ts";
import type { AnyContext } from "../context.ts";
import { FakeKubernetes } from "../testing/fake-kubernetes.ts";
import { contextOn } from "../testing/plain-context.ts";
import { reads, readsOf } from "./reads.ts";

const NAMES = Array.from({ length: 30 }, (_, n) => `kind-${n}.example.org`);

/** Puts off every third read. */
class BusyKubernetes extends FakeKubernetes {
  #reads = 0;

  override get(ref: ObjectRef): Promise<JsonObject> {
    return this.#inTime(() => super.get(ref));
  }

  override list(ref: ResourceRef, options?: ListOptions): Promise<ListPage> {
    return this.#inTime(() => super.list(ref, options));
  }

  #inTime<T>(read: () => Promise<T>): Promise<T> {
    if (++this.#reads % 3 !== 0) return read();
    const options = { next: "wait", status: 429, retryable: true };
    return Promise.reject(new KubernetesApiError("KUBERNETES_TOO_MANY_REQUESTS", "put off", options));
  }
}

async function busy(): Promise<AnyContext> {
  const kubernetes = new BusyKubernetes();
  for (const name of NAMES) await kubernetes.create(crdResource, { metadata: { name } });
  return contextOn(kubernetes);
}

suite("many reads of a busy API server", () => {
  test("are all answered, though some are put off", async () => {
    const context = await busy();
    const states = await crdStates(reads(context), NAMES);
    assert.deepEqual(
      states.map(({ name, present }) => [name, present]),
      NAMES.map((name) => [name, true]),
    );
    await assert.rejects(crdStates(context.connections.kubernetes, NAMES), {
      code: "KUBERNETES_TOO_MANY_REQUESTS",
    });
  });

  test("walk a list to its end, each object once", async () => {
    const { connections, signal } = await busy();
    const found: string[] = [];
    for await (const page of readsOf({ ...connections, signal }).pages(crdResource, { pageSize: 4 }))
      found.push(...page.map((object) => textAt(object, "metadata", "name")));
    assert.deepEqual(found.toSorted(), NAMES.toSorted());
  });

  test("end with the lease", async () => {
    const context = await busy();
    const lost: AnyContext = {
      ...context,
      ensureHeld: () => {
        throw new Error("the lease is lost");
      },
    };
    await assert.rejects(crdStates(reads(lost), NAMES), /lease is lost/);
  });
});
