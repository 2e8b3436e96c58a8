import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { objectsAt } from "../shared/kubernetes/fields.ts";
import { mustRequest } from "./harness/api.ts";
import { API_SERVICE_PATH } from "./harness/aggregated/publish.ts";
import { waitUntil } from "./harness/wait.ts";
import { MigratingBed } from "./rig/native/migrating.ts";

const POLICIES = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies";

describe("a cluster whose aggregated API server does not answer", () => {
  let migrating: MigratingBed;

  before(async () => {
    migrating = await MigratingBed.start({ resources: 100, nodes: 1 });
    const { api } = migrating.bed;
    const contentType = "application/merge-patch+json";
    await mustRequest(
      api,
      "PATCH",
      API_SERVICE_PATH,
      { spec: { service: { name: "gone" } } },
      { contentType },
    );
    await waitUntil({ what: "the API server is known to be broken", timeoutMs: 120_000 }, async () => {
      const { status } = (await api.request("GET", API_SERVICE_PATH)).body;
      const conditions = objectsAt({ status: status ?? {} }, "status", "conditions");
      return conditions.some((one) => one["type"] === "Available" && one["status"] === "False");
    });
  });
  after(() => migrating.stop());

  test("is migrated without it, with Calico's mutating admission policies at the end", async () => {
    const { api } = migrating.bed;
    const runId = await migrating.startRun();
    await migrating.reaches(runId, "Succeeded");
    await migrating.assertMoved();
    assert.ok(objectsAt(await mustRequest(api, "GET", POLICIES), "items").length >= 2);
  });
});
