import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import { runFieldManager } from "../../kubernetes/managed-fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { FakeKubernetes } from "../testing/fake-kubernetes.ts";
import { contextOn } from "../testing/plain-context.ts";
import { releaseFields } from "./release-fields.ts";

const POOLS = { apiVersion: "crd.projectcalico.org/v1", plural: "ippools" };
const POOL: ObjectRef = { ...POOLS, name: "a" };
const RUN = "etcd-to-kubernetes-1a2b3c4d";
const OURS = { fieldManager: runFieldManager(RUN) };

/** A cluster with a webhook that puts something into the object with every write of ours, while it is there. */
class Webhook extends FakeKubernetes {
  isThere = true;
  #count = 0;

  override async patch(...args: Parameters<FakeKubernetes["patch"]>): Promise<JsonObject> {
    const patched = await super.patch(...args);
    if (!this.isThere) return patched;
    const annotations = { checked: String(++this.#count) };
    return super.patch(args[0], { metadata: { annotations } }, { type: "merge", ...OURS });
  }
}

describe("fields that a run owns", () => {
  test("and that a webhook gives back at every write (FIELDS_NOT_RELEASED) are released once it is mended", async () => {
    const kubernetes = new Webhook();
    await kubernetes.create(POOLS, { kind: "IPPool", metadata: { name: "a" }, spec: {} }, OURS);
    const context = contextOn(kubernetes, RUN);
    await assert.rejects(releaseFields(context, POOL), {
      code: "FIELDS_NOT_RELEASED",
      retryable: true,
      next: /which admission policy or webhook changes it at every write .* mend that, then `resume`/,
    });
    kubernetes.isThere = false;
    await releaseFields(context, POOL);
    assert.doesNotMatch(JSON.stringify(await kubernetes.get(POOL)), new RegExp(RUN));
  });

  for (const by of ["patch", "replace"] as const)
    test(`of an object that is being deleted are released by ${by}, and its deletion goes on as before`, async () => {
      const kubernetes = new FakeKubernetes();
      const metadata = { name: "a", finalizers: ["example.com/hold"] };
      await kubernetes.create(POOLS, { kind: "IPPool", metadata, spec: {} }, OURS);
      await kubernetes.delete(POOL);
      const before = objectAt(await kubernetes.get(POOL), "metadata");

      await releaseFields(contextOn(kubernetes, RUN), POOL, { by });

      const after = await kubernetes.get(POOL);
      assert.doesNotMatch(JSON.stringify(after), new RegExp(RUN));
      const { finalizers, deletionTimestamp } = objectAt(after, "metadata");
      assert.deepEqual([finalizers, deletionTimestamp], [before["finalizers"], before["deletionTimestamp"]]);
      assert.equal(typeof deletionTimestamp, "string");
    });
});
