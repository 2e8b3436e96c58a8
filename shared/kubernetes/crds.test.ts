import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { crdResource, crdState, crdStates, waitEstablished } from "./crds.ts";
import { connectFake } from "./testing/connect-fake.ts";

function crd(name: string, conditions: JsonObject[]): JsonObject {
  const versions = [
    { name: "v1", served: true, storage: false },
    { name: "v2", served: true, storage: true },
    { name: "v0", served: false, storage: false },
  ];
  return { metadata: { name }, spec: { versions }, status: { conditions } };
}

const accepted = { type: "NamesAccepted", status: "True" };
const established = { type: "Established", status: "True" };

suite("CustomResourceDefinitions", () => {
  test("presence, versions and reason are told in the order of the names", async (t) => {
    const { client } = await connectFake(t);
    await client.create(crdResource, crd("a.x", [accepted, established]));
    const states = await crdStates(client, ["b.x", "a.x"]);
    assert.deepEqual(states, [
      {
        name: "b.x",
        present: false,
        established: false,
        reason: "it does not exist",
        served: [],
        storage: undefined,
      },
      { name: "a.x", present: true, established: true, reason: "", served: ["v1", "v2"], storage: "v2" },
    ]);
  });

  test("each way of not being established has its reason", () => {
    const taken = { type: "NamesAccepted", status: "False", message: "plural is taken" };
    const deleted = crd("a.x", [accepted, established]);
    const cases: [JsonObject, RegExp][] = [
      [crd("a.x", []), /not judged NamesAccepted/],
      [crd("a.x", [taken, established]), /plural is taken/],
      [
        crd("a.x", [accepted, { ...established, status: "False", message: "no" }]),
        /Established is False: no/,
      ],
      [{ ...deleted, metadata: { name: "a.x", deletionTimestamp: "2026-01-01T00:00:00Z" } }, /being deleted/],
    ];
    for (const [object, reason] of cases) {
      const state = crdState(object);
      assert.equal(state.established, false);
      assert.match(state.reason, reason);
    }
  });

  test("waiting ends when all are established, or at the deadline with each reason", async (t) => {
    const { client } = await connectFake(t);
    await client.create(crdResource, crd("a.x", [accepted, established]));
    await client.create(crdResource, crd("b.x", [accepted]));
    const wait = { pollMs: 10, deadlineMs: 60 };
    await assert.rejects(waitEstablished(client, ["a.x", "b.x", "c.x"], wait), {
      code: "KUBERNETES_CRDS_NOT_ESTABLISHED",
      message: /b\.x \(.*Established yet\), c\.x \(it does not exist\)/,
      retryable: true,
    });
    setTimeout(() => {
      const status = { status: { conditions: [accepted, established] } };
      void client.patch({ ...crdResource, name: "b.x" }, status, { type: "merge" });
    }, 30);
    const states = await waitEstablished(client, ["a.x", "b.x"], { pollMs: 10 });
    assert(states.every((state) => state.established));
  });
});
