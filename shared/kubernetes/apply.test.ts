import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { JsonObject } from "../json.ts";
import { applyManifests, applyOrder } from "./apply.ts";
import { crdResource } from "./crds.ts";
import { connectFake } from "./testing/connect-fake.ts";
import { failure } from "./testing/fake-store.ts";

function object(apiVersion: string, kind: string, name: string, rest: JsonObject = {}): JsonObject {
  return { apiVersion, kind, metadata: { name }, ...rest };
}

const core = {
  kind: "APIResourceList",
  resources: [
    { name: "namespaces", kind: "Namespace", namespaced: false },
    { name: "configmaps", kind: "ConfigMap", namespaced: true },
  ],
};
const extensions = {
  resources: [
    { name: "customresourcedefinitions", kind: "CustomResourceDefinition", namespaced: false },
    { name: "customresourcedefinitions/status", kind: "CustomResourceDefinition", namespaced: false },
  ],
};
const example = { resources: [{ name: "widgets", kind: "Widget", namespaced: false }] };
const documents = {
  "/api/v1": core,
  "/apis/apiextensions.k8s.io/v1": extensions,
  "/apis/example.org/v1": example,
};

const crd = object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.org");
const established: JsonObject = {
  status: {
    conditions: [
      { type: "NamesAccepted", status: "True" },
      { type: "Established", status: "True" },
    ],
  },
};

suite("applyOrder", () => {
  test("puts what is needed first and what intercepts last, keeping the order within a rank", () => {
    const kinds = [
      "ValidatingWebhookConfiguration",
      "DaemonSet",
      "Installation",
      "ConfigMap",
      "ClusterRole",
      "Deployment",
      "Namespace",
      "CustomResourceDefinition",
      "IPPool",
    ];
    const objects = kinds.map((kind) => object("any/v1", kind, "x"));
    assert.deepEqual(
      applyOrder(objects).map(({ kind }) => kind),
      [
        "CustomResourceDefinition",
        "Namespace",
        "ClusterRole",
        "ConfigMap",
        "Installation",
        "IPPool",
        "DaemonSet",
        "Deployment",
        "ValidatingWebhookConfiguration",
      ],
    );
    assert.equal(objects[0]?.["kind"], "ValidatingWebhookConfiguration", "the input stays as it was");
  });
});

suite("applyManifests", () => {
  test("applies in order under its manager, and tells what it created", async (t) => {
    const { client, fake } = await connectFake(t, { documents });
    const objects = [object("v1", "ConfigMap", "c"), object("v1", "Namespace", "n")];
    const first = await applyManifests(client, objects, { fieldManager: "me", force: true });
    assert.deepEqual(
      first.map(({ kind, created, ref }) => [kind, created, ref.namespace]),
      [
        ["Namespace", true, undefined],
        ["ConfigMap", true, "default"],
      ],
    );
    const patches = fake.requests.filter(({ method }) => method === "PATCH");
    assert.deepEqual(
      patches.map(({ path, query }) => `${path}?${query.toString()}`),
      [
        "/api/v1/namespaces/n?fieldManager=me&force=true",
        "/api/v1/namespaces/default/configmaps/c?fieldManager=me&force=true",
      ],
    );
    const again = await applyManifests(client, objects, { fieldManager: "me" });
    assert(again.every(({ created }) => !created));
  });

  test("waits for definitions before the objects that need them", async (t) => {
    const { client, fake } = await connectFake(t, { documents });
    const widget = object("example.org/v1", "Widget", "w");
    const applying = applyManifests(client, [widget, crd], { fieldManager: "me" });
    while (!fake.requests.some(({ method }) => method === "PATCH")) await delay(5);
    await client.patch({ ...crdResource, name: "widgets.example.org" }, established, { type: "merge" });
    await applying;
    const writes = fake.requests
      .filter(({ method }) => method === "PATCH")
      .map(({ path }) => path.split("/")[4]);
    assert.deepEqual(writes, ["customresourcedefinitions", "customresourcedefinitions", "widgets"]);
  });

  test("definitions that are never established stop it, with the reason", async (t) => {
    const { client, fake } = await connectFake(t, { documents });
    const conflict = {
      status: { conditions: [{ type: "NamesAccepted", status: "False", message: "kind Widget is taken" }] },
    };
    const apply = applyManifests(client, [{ ...crd, ...conflict }, object("v1", "Namespace", "n")], {
      fieldManager: "me",
      establishMs: 10,
    });
    await assert.rejects(apply, {
      code: "KUBERNETES_CRDS_NOT_ESTABLISHED",
      message: /widgets\.example\.org \(NamesAccepted is False: kind Widget is taken\)/,
    });
    assert.equal(fake.store.all("namespaces").length, 0);
  });

  test("a kind that is not served and a refused object are named", async (t) => {
    const { client, fake } = await connectFake(t, { documents });
    const options = { fieldManager: "me" };
    const unknown = applyManifests(client, [object("other.org/v1", "Gadget", "g")], options);
    await assert.rejects(unknown, { code: "KUBERNETES_KIND_UNKNOWN", message: /Gadget of other\.org\/v1/ });
    fake.inject({ method: "PATCH", answer: failure(409, "Conflict", 'conflict with "argocd"') });
    await assert.rejects(applyManifests(client, [object("v1", "ConfigMap", "c")], options), {
      code: "KUBERNETES_CONFLICT",
      message: /patch configmaps "c" in namespace "default".*argocd/,
    });
    assert.equal(fake.store.all("configmaps").length, 0);
  });
});
