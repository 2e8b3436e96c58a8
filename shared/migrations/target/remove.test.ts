import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { FakeKubernetes } from "../testing/fake-kubernetes.ts";
import { contextOn } from "../testing/plain-context.ts";
import { restoreObject, restoreRehearsal } from "./remove.ts";

const DEPLOYMENTS = { apiVersion: "apps/v1", plural: "deployments" };
const WORKLOAD: ObjectRef = { ...DEPLOYMENTS, name: "calico" };
const BEFORE: JsonObject = { kind: "Deployment", metadata: { name: "calico" }, spec: { replicas: 2 } };

describe("an object that is put back as it was", () => {
  test("is not written over one that is being deleted (TARGET_BEING_DELETED), and created once that is gone", async () => {
    const kubernetes = new FakeKubernetes();
    const metadata = { name: "calico", finalizers: ["example.com/hold"] };
    await kubernetes.create(DEPLOYMENTS, { ...BEFORE, metadata, spec: { replicas: 0 } });
    await kubernetes.delete(WORKLOAD);
    const context = contextOn(kubernetes);
    const held = await kubernetes.get(WORKLOAD);
    const refusal = {
      code: "TARGET_BEING_DELETED",
      message: /deployments calico cannot .*: it is being deleted, and held by example\.com\/hold/,
      next: /take them off .* then `resume`: once it is gone, it is created as it was/,
    };

    await assert.rejects(restoreObject(context, WORKLOAD, BEFORE), refusal);
    await assert.rejects(restoreRehearsal(context, WORKLOAD, BEFORE).try(kubernetes), refusal);

    assert.deepEqual(await kubernetes.get(WORKLOAD), held);
    await kubernetes.patch(WORKLOAD, { metadata: { finalizers: null } }, { type: "merge" });
    await restoreObject(context, WORKLOAD, BEFORE);
    const back = await kubernetes.get(WORKLOAD);
    assert.deepEqual(
      [objectAt(back, "spec"), "deletionTimestamp" in objectAt(back, "metadata")],
      [{ replicas: 2 }, false],
    );
  });

  test("is written in the version that it is written through, whichever it was read through", async () => {
    const kubernetes = new FakeKubernetes();
    const written: unknown[] = [];
    const [create, replace] = [kubernetes.create.bind(kubernetes), kubernetes.replace.bind(kubernetes)];
    kubernetes.create = (ref, object, options) => {
      written.push(object["apiVersion"]);
      return create(ref, object, options);
    };
    kubernetes.replace = (ref, object, options) => {
      written.push(object["apiVersion"]);
      return replace(ref, object, options);
    };
    const context = contextOn(kubernetes);
    const before = { ...BEFORE, apiVersion: "apps/v1precopy" };

    await restoreObject(context, WORKLOAD, before);
    await restoreObject(context, WORKLOAD, before);
    await restoreRehearsal(context, WORKLOAD, before).try(kubernetes);

    assert.deepEqual(written, ["apps/v1", "apps/v1", "apps/v1"]);
  });
});
