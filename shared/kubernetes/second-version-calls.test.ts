import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { KubernetesApiError } from "./errors.ts";
import { openSecondVersions } from "./second-version-calls.ts";
import type { KubernetesApi, Send } from "./types.ts";

const NAME = "tiers.projectcalico.org";
const CRD: JsonObject = {
  metadata: { name: NAME, resourceVersion: "1" },
  status: {
    conditions: [
      { type: "NamesAccepted", status: "True" },
      { type: "Established", status: "True" },
    ],
  },
  spec: {
    group: "projectcalico.org",
    names: { plural: "tiers", kind: "Tier" },
    scope: "Cluster",
    versions: [{ name: "v3", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
};

suite("a definition that somebody writes to all the time", () => {
  test("is told as closed, and fails nobody who opens it", async () => {
    let tries = 0;
    const api = {
      get: () => Promise.resolve(CRD),
      patch: () => {
        tries++;
        return Promise.reject(
          new KubernetesApiError("KUBERNETES_CONFLICT", "changed", { next: "", status: 409 }),
        );
      },
    } as unknown as KubernetesApi;
    const send: Send = (request) => request(api);

    const states = await openSecondVersions(send, [NAME], { fieldManager: "test" });

    assert.deepEqual(states, [{ name: NAME, state: "closed", reason: "" }]);
    assert.ok(tries > 1);
  });
});
