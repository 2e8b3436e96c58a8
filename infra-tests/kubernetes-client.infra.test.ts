import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { after, before, suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { parse } from "yaml";
import { isJsonObject, type Json, type JsonObject } from "../shared/json.ts";
import { checkAccess } from "../shared/kubernetes/access.ts";
import { applyManifests } from "../shared/kubernetes/apply.ts";
import type { KubernetesClient } from "../shared/kubernetes/client.ts";
import { connectKubernetes } from "../shared/kubernetes/connection.ts";
import { Discovery } from "../shared/kubernetes/discovery.ts";
import { KubernetesApiError } from "../shared/kubernetes/errors.ts";
import { objectAt, objectsAt, textAt } from "../shared/kubernetes/fields.ts";
import { AdaptiveLimiter, mapLimited } from "../shared/kubernetes/limiter.ts";
import { foreignOwners, managersOf, runFieldManager } from "../shared/kubernetes/managed-fields.ts";
import { applyDefaults, unknownFields, violations } from "../shared/kubernetes/structural-schema.ts";
import { type KubernetesHandle, startKubernetes } from "./harness/kubernetes.ts";

const configMaps = { apiVersion: "v1", plural: "configmaps", namespace: "default" };
const widgets = { apiVersion: "test.calico-migrator.io/v1", plural: "widgets" };
const userAgent = "calico-migrator/test";

const schema: JsonObject = {
  type: "object",
  properties: {
    apiVersion: { type: "string" },
    kind: { type: "string" },
    metadata: { type: "object" },
    spec: {
      type: "object",
      properties: {
        name: { type: "string", minLength: 2, maxLength: 4, pattern: "^[a-z😀]+$" },
        order: { type: "integer", default: 10, minimum: 0, maximum: 100, exclusiveMaximum: true },
        action: { type: "string", enum: ["Allow", "Deny"], default: "Allow" },
        level: { type: "string", pattern: "^(?i)(Drop|Reject)?$" },
        spaced: { type: "string", pattern: "^\\S.$" },
        port: { "x-kubernetes-int-or-string": true },
        note: { type: "string", nullable: true, default: "none" },
        mode: {
          type: "object",
          default: { size: 3 },
          properties: { kind: { type: "string", default: "auto" }, size: { type: "number" } },
        },
        rules: {
          type: "array",
          maxItems: 2,
          items: { type: "object", properties: { log: { type: "boolean", default: false } } },
        },
        labels: { type: "object", maxProperties: 2, additionalProperties: { type: "string" } },
        raw: {
          type: "object",
          "x-kubernetes-preserve-unknown-fields": true,
          properties: { known: { type: "object", properties: { b: { type: "string" } } } },
        },
        template: {
          type: "object",
          "x-kubernetes-embedded-resource": true,
          properties: { spec: { type: "object" } },
        },
        either: {
          type: "object",
          properties: { x: { type: "string" }, y: { type: "string" } },
          anyOf: [{ required: ["x"] }, { required: ["y"] }],
        },
        pair: {
          type: "object",
          required: ["p"],
          properties: { p: { type: "string", default: "x" }, q: { type: "string" } },
        },
        need: { type: "object", required: ["p"], properties: { p: { type: "string" } } },
        both: { type: "integer", allOf: [{ minimum: 3 }, { maximum: 5 }] },
      },
    },
  },
};

const crd: JsonObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.test.calico-migrator.io" },
  spec: {
    group: "test.calico-migrator.io",
    scope: "Cluster",
    names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } }],
  },
};

/** Specs with and without faults; the real API server says which. */
const specs: JsonObject[] = [
  {},
  { name: "ab", order: 0, action: "Deny", port: "http", both: 4, either: { y: "1" } },
  { name: "😀😀😀😀", level: "dROP", spaced: "\u00a0\r" },
  { name: "😀" },
  { name: "abcde" },
  { name: "AB" },
  { order: -1 },
  { order: 100 },
  { order: 1.5 },
  { order: "1" },
  { action: "Maybe" },
  { level: "Return" },
  { spaced: " x" },
  { port: 1.5 },
  { port: 1 },
  { name: null, order: null, note: null, mode: { size: null } },
  { mode: null },
  { mode: { kind: null, colour: 1 } },
  { mode: [] },
  { rules: [{}, { log: true }] },
  { rules: [{}, {}, {}] },
  { rules: [null] },
  { rules: [{ log: "no", text: { deep: 1 } }] },
  { rules: null },
  { labels: { a: "", b: "", c: "" } },
  { labels: { a: 1 } },
  { labels: { a: null } },
  { raw: { free: { deep: 1 }, known: { b: "x", c: "y" } } },
  { template: { apiVersion: "v1", kind: "Pod", metadata: { name: "x" }, spec: {}, status: {} } },
  { either: {} },
  { both: 6 },
  { both: 2 },
  { pair: { q: "y" }, need: { p: "z" } },
  { need: {} },
  { need: { p: null } },
  { unknown: { a: 1 }, name: "ab" },
];

function configMap(name: string): JsonObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { key: "value" } };
}

async function failing(promise: Promise<unknown>): Promise<KubernetesApiError> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof KubernetesApiError, `not a KubernetesApiError: ${String(error)}`);
    return error;
  }
  return assert.fail("did not fail");
}

/** Compacts etcd to its present revision, as the API server does every five minutes. */
async function compact(endpoint: string): Promise<void> {
  const post = async (path: string, body: JsonObject): Promise<Json> => {
    const response = await fetch(`${endpoint}/v3/kv/${path}`, { method: "POST", body: JSON.stringify(body) });
    assert(response.ok, `${path}: ${response.status}`);
    return (await response.json()) as Json;
  };
  const range = await post("range", { key: Buffer.from("a").toString("base64") });
  assert(isJsonObject(range));
  await post("compaction", { revision: textAt(range, "header", "revision"), physical: true });
}

suite("a real API server", () => {
  let kubernetes: KubernetesHandle;
  let client: KubernetesClient;

  before(async () => {
    // Without the watch cache an expired list token shows as soon as etcd is compacted.
    kubernetes = await startKubernetes({ local: true, apiServerArgs: ["--watch-cache=false"] });
    client = await connectKubernetes({ kubeconfig: kubernetes.kubeconfig, userAgent });
  });
  after(async () => {
    await client.close();
    await kubernetes.stop();
  });

  async function alteredKubeconfig(alter: (config: JsonObject) => void): Promise<string> {
    const config = parse(await readFile(kubernetes.kubeconfig, "utf8")) as JsonObject;
    alter(config);
    const file = `${kubernetes.kubeconfig}.altered`;
    await writeFile(file, JSON.stringify(config));
    return file;
  }

  test("objects are created, replaced, patched, applied and deleted under their preconditions", async () => {
    const ref = { ...configMaps, name: "life" };
    const options = { fieldManager: runFieldManager("one"), fieldValidation: "Strict" } as const;
    const created = await client.create(ref, configMap("life"), options);
    const uid = textAt(created, "metadata", "uid");
    assert.equal((await failing(client.create(ref, configMap("life")))).code, "KUBERNETES_ALREADY_EXISTS");
    assert.equal(managersOf(created)[0]?.manager, "calico-migrator:one");

    const replaced = await client.replace(ref, { ...created, data: { key: "other" } }, options);
    assert.equal((await failing(client.replace(ref, created))).code, "KUBERNETES_CONFLICT");
    const patch = [{ op: "test", path: "/data/key", value: "other" }];
    await client.patch(ref, patch, { type: "json" });
    await client.patch(
      ref,
      { metadata: { labels: { a: "b" } } },
      { type: "merge", fieldManager: "kubectl-edit" },
    );

    const apply = { type: "apply", fieldManager: "argocd-controller" } as const;
    const mine = { ...configMap("life"), data: { key: "mine" } };
    const conflict = await failing(client.patch(ref, mine, apply));
    assert.equal(conflict.code, "KUBERNETES_CONFLICT");
    assert.match(conflict.message, /calico-migrator:one/);
    const forced = await client.patch(ref, mine, { ...apply, force: true });
    assert.deepEqual(
      new Set(foreignOwners(forced).map(({ tool }) => tool)),
      new Set(["argocd", "run", "kubectl"]),
    );

    assert.equal((await failing(client.delete(ref, { uid: "other" }))).code, "KUBERNETES_CONFLICT");
    const old = textAt(replaced, "metadata", "resourceVersion");
    assert.equal((await failing(client.delete(ref, { resourceVersion: old }))).code, "KUBERNETES_CONFLICT");
    await client.delete(ref, { uid });
    assert.equal((await failing(client.get(ref))).code, "KUBERNETES_NOT_FOUND");
  });

  test("a manifest with a definition and an object of it is applied, and applied again", async () => {
    const widget = {
      apiVersion: widgets.apiVersion,
      kind: "Widget",
      metadata: { name: "w" },
      spec: { name: "ab" },
    };
    const options = { fieldManager: "calico-migrator" };
    const first = await applyManifests(client, [widget, crd], options);
    assert.deepEqual(
      first.map(({ kind, created }) => [kind, created]),
      [
        ["CustomResourceDefinition", true],
        ["Widget", true],
      ],
    );
    const again = await applyManifests(client, [widget, crd], options);
    assert(again.every(({ created }) => !created));
    const discovery = new Discovery(client);
    assert.deepEqual(await discovery.versionsOf("test.calico-migrator.io"), ["v1"]);
    assert.equal((await discovery.resource("apps/v1", "DaemonSet")).plural, "daemonsets");
  });

  test("defaults, dropped fields and violations are those of the API server", async () => {
    const { openAPIV3Schema } = objectAt(
      objectsAt(
        await client.get({
          apiVersion: "apiextensions.k8s.io/v1",
          plural: "customresourcedefinitions",
          name: textAt(crd, "metadata", "name"),
        }),
        "spec",
        "versions",
      )[0] ?? {},
      "schema",
    );
    assert(isJsonObject(openAPIV3Schema));
    for (const [index, spec] of specs.entries()) {
      const object = {
        apiVersion: widgets.apiVersion,
        kind: "Widget",
        metadata: { name: `s${index}` },
        spec,
      };
      const what = JSON.stringify(spec);
      const expected = applyDefaults(openAPIV3Schema, object);
      const unknown = unknownFields(openAPIV3Schema, object);
      const wrong = violations(openAPIV3Schema, expected);
      if (wrong.length > 0) {
        const refused = await failing(client.create(widgets, object, { dryRun: true }));
        assert.equal(refused.code, "KUBERNETES_INVALID", what);
        const fields = refused.causes.map(({ field }) => field);
        // A failed anyOf is told by the server as the member that its first branch misses.
        for (const { path } of wrong) {
          const told = fields.some((field) => field === path || field.startsWith(`${path}.`));
          assert(told, `${what}: ${path} not in ${fields.join()}`);
        }
        continue;
      }
      const stored = await client.create(widgets, object, { dryRun: true });
      assert.deepEqual(unknownFields(openAPIV3Schema, stored), [], what);
      if (unknown.length === 0) {
        assert.deepEqual(stored["spec"], expected["spec"], what);
      } else {
        const strict = await failing(
          client.create(widgets, object, { dryRun: true, fieldValidation: "Strict" }),
        );
        const named = [...strict.message.matchAll(/unknown field "([^"]+)"/g)].map(([, path]) => path);
        assert.deepEqual(named.sort(), unknown, what);
      }
    }
  });

  test("a list is walked in pages, also when etcd is compacted on the way", async () => {
    const limiter = new AdaptiveLimiter();
    const names = Array.from({ length: 25 }, (_, n) => `page-${String(n).padStart(2, "0")}`);
    await mapLimited(names, limiter, (name) => client.create(configMaps, configMap(name)));
    const seen: string[] = [];
    for await (const page of client.pages(configMaps, { pageSize: 10, metadataOnly: true })) {
      assert(page.length <= 10);
      seen.push(...page.map((item) => textAt(item, "metadata", "name")));
      if (seen.length === 10) {
        await client.delete({ ...configMaps, name: "page-00" });
        await compact(kubernetes.etcd?.endpoint ?? "");
      }
    }
    assert.deepEqual(
      seen.filter((name) => name.startsWith("page-")),
      names,
    );
    const [item] = (await client.list(configMaps, { limit: 1 })).items;
    assert.deepEqual([item?.["apiVersion"], item?.["kind"]], ["v1", "ConfigMap"]);
  });

  test("what a user may not do is told before and when it is tried", async () => {
    const kubeconfig = await kubernetes.unprivilegedKubeconfig();
    const nobody = await connectKubernetes({ kubeconfig, userAgent });
    try {
      const rules = [
        { group: "", resource: "nodes", subresource: "status", verb: "patch" },
        { group: "authorization.k8s.io", resource: "selfsubjectaccessreviews", verb: "create" },
      ];
      const denied = await checkAccess(nobody, rules);
      assert.deepEqual(
        denied.map(({ resource }) => resource),
        ["nodes"],
      );
      assert.deepEqual(await checkAccess(client, rules), []);
      const error = await failing(nobody.create(configMaps, configMap("x")));
      assert.equal(error.code, "KUBERNETES_FORBIDDEN");
      assert.match(error.message, /create configmaps.* in namespace "default"/);
    } finally {
      await nobody.close();
    }
  });

  test("a wrong token, an unknown authority and another server name have their codes", async () => {
    const attempts: [string, (config: JsonObject) => void][] = [
      [
        "KUBERNETES_UNAUTHORIZED",
        (config) => (config["users"] = renamed(config, "users", { token: "wrong" })),
      ],
      [
        "KUBERNETES_TLS",
        (config) => (config["clusters"] = renamed(config, "clusters", { server: kubernetes.server })),
      ],
      [
        "KUBERNETES_TLS",
        (config) => {
          const cluster = objectAt(objectsAt(config, "clusters")[0] ?? {}, "cluster");
          config["clusters"] = renamed(config, "clusters", {
            ...cluster,
            "tls-server-name": "other.example",
          });
        },
      ],
    ];
    for (const [code, alter] of attempts) {
      const kubeconfig = await alteredKubeconfig(alter);
      const error = await failing(connectKubernetes({ kubeconfig, userAgent }));
      assert.equal(error.code, code, error.message);
      await rm(kubeconfig);
    }
  });

  test("a server that dies in the middle of writes loses none that was acknowledged, and is used again", async () => {
    const limiter = new AdaptiveLimiter();
    const done = new Set<string>();
    const lost: KubernetesApiError[] = [];
    const work = Array.from({ length: 400 }, async (_, n) => {
      const name = `crash-${n}`;
      try {
        await limiter.run(() => client.create(configMaps, configMap(name)));
        done.add(name);
      } catch (error) {
        assert(error instanceof KubernetesApiError);
        lost.push(error);
      }
    });
    while (done.size < 50) await delay(5);
    kubernetes.kill();
    await Promise.all(work);
    assert(lost.length > 0);
    const codes = new Set(lost.map(({ code }) => code));
    assert(
      [...codes].every((code) => /CONNECTION_LOST|UNREACHABLE|SERVER_ERROR/.test(code)),
      [...codes].join(),
    );
    assert(lost.every(({ code, outcomeUnknown }) => outcomeUnknown === (code !== "KUBERNETES_UNREACHABLE")));
    await kubernetes.restart();
    const there = (await client.list(configMaps)).items.map((item) => textAt(item, "metadata", "name"));
    for (const name of done) assert(there.includes(name), `${name} was acknowledged and is gone`);
    const unknown = lost.filter(({ outcomeUnknown }) => outcomeUnknown).length;
    const crashed = there.filter((name) => name.startsWith("crash-")).length;
    assert(crashed <= done.size + unknown, "more were written than acknowledged or unknown");
  });
});

/** The first entry of a kubeconfig section with other content under its name. */
function renamed(config: JsonObject, section: "users" | "clusters", content: JsonObject): Json[] {
  const name = textAt(objectsAt(config, section)[0] ?? {}, "name");
  return [{ name, [section.slice(0, -1)]: content }];
}
