import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { apiServiceState, nativeApiService, savedApiService } from "./api-services.ts";
import {
  readApiService,
  removeApiService,
  restoreApiService,
  whyNotServedLocally,
} from "./api-services-calls.ts";
import { objectAt, textAt } from "./fields.ts";
import { connectFake } from "./testing/connect-fake.ts";
import { failure } from "./testing/fake-store.ts";
import type { Send } from "./types.ts";

const local = condition("True", "Local");
const tiers = { apiVersion: "projectcalico.org/v3", plural: "tiers" };

function condition(status: string, reason: string, message = ""): JsonObject {
  return { conditions: [{ type: "Available", status, reason, message }] };
}

function apiService(extra: JsonObject): JsonObject {
  const { apiVersion, name } = nativeApiService;
  return { apiVersion, kind: "APIService", metadata: { name, labels: { a: "b" } }, spec: {}, ...extra };
}

const automanaged = apiService({ status: local });
const aggregated = apiService({ spec: { service: { name: "calico-api" } } });

suite("an APIService", () => {
  test("is aggregated, automanaged or absent, and available or not", () => {
    assert.equal(apiServiceState(undefined).served, "absent");
    assert.deepEqual(
      [apiServiceState(automanaged).served, apiServiceState(automanaged).available],
      ["automanaged", true],
    );
    const status = (given: JsonObject) => {
      const { served, available, message } = apiServiceState({ ...aggregated, status: given });
      return [served, available, message];
    };
    assert.deepEqual(status(condition("True", "Passed")), ["aggregated", true, ""]);
    assert.deepEqual(status(condition("False", "X", "no endpoints")), ["aggregated", false, "no endpoints"]);
    assert.equal(status(local)[1], false, "the judgement of the automanaged one before it");
    assert.equal(status({})[1], false);
  });

  test("is saved without what the server adds", () => {
    const added = { uid: "u", resourceVersion: "1", creationTimestamp: "t", managedFields: [] };
    const object = {
      ...aggregated,
      status: local,
      metadata: { ...objectAt(aggregated, "metadata"), ...added },
    };
    assert.deepEqual(savedApiService(object), aggregated);
  });
});

suite("APIServices of a cluster", () => {
  async function world(t: Parameters<typeof connectFake>[0], object?: JsonObject) {
    const { client, fake } = await connectFake(t);
    const send: Send = (request) => request(client);
    if (object !== undefined) await client.create(nativeApiService, object);
    const state = () => readApiService(send, nativeApiService);
    fake.requests.length = 0;
    const writes = () => fake.requests.filter(({ method }) => method !== "GET").map(({ method }) => method);
    return { client, fake, send, state, writes };
  }

  test("are removed by UID, and another's is left alone", async (t) => {
    const { fake, send, state, writes } = await world(t, aggregated);
    assert.equal((await removeApiService(send, nativeApiService, "other")).served, "aggregated");
    assert.deepEqual(writes(), []);
    const { uid } = await state();
    fake.inject({ method: "DELETE", answer: failure(409, "Conflict", "changed") });
    assert.equal((await removeApiService(send, nativeApiService, uid)).served, "absent");
    assert.equal((await removeApiService(send, nativeApiService, uid)).served, "absent");
    assert.deepEqual(writes(), ["DELETE", "DELETE"]);
  });

  test("are restored where they are absent, in place of the automanaged one, and once", async (t) => {
    for (const [before, method] of [
      [undefined, "POST"],
      [automanaged, "PUT"],
    ] as const) {
      const { fake, send, writes } = await world(t, before);
      fake.inject({ method, answer: failure(409, "Conflict", "somebody was quicker") });
      await restoreApiService(send, aggregated);
      const restored = await restoreApiService(send, aggregated);
      assert.equal(restored.served, "aggregated");
      assert.deepEqual(writes(), [method, method]);
      assert.deepEqual(savedApiService(restored.object ?? {}), aggregated);
    }
  });

  test("give way to the definitions only when lists show what those hold", async (t) => {
    const { client, fake, send } = await world(t, automanaged);
    const tier = await client.create(tiers, { metadata: { name: "default" } });
    const uid = textAt(tier, "metadata", "uid");
    const why = (shows: string[], hides: string[]) =>
      whyNotServedLocally(send, nativeApiService, [{ ...tiers, shows, hides }]);
    assert.equal(await why([uid], ["old"]), undefined);
    assert.match((await why([uid, "missing"], [])) ?? "", /not all served/);
    assert.match((await why([], [uid])) ?? "", /aggregated/);
    fake.inject({ path: "/tiers", answer: failure(503, "ServiceUnavailable", "no server") });
    assert.match((await why([], [])) ?? "", /not served yet/);
    await client.patch(nativeApiService, { spec: { service: { name: "x" } } }, { type: "merge" });
    assert.match((await why([], [])) ?? "", /is aggregated/);
  });
});
