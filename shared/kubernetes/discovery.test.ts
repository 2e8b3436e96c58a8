import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { Discovery } from "./discovery.ts";
import { connectFake } from "./testing/connect-fake.ts";

const widget = { name: "widgets", kind: "Widget", namespaced: true };

suite("Discovery", () => {
  test("asks once per API version, and again only for a kind that is not known", async (t) => {
    const resources: JsonObject[] = [widget, { ...widget, name: "widgets/status" }];
    const { client, fake } = await connectFake(t, { documents: { "/apis/example.org/v1": { resources } } });
    const discovery = new Discovery(client);
    const both = await Promise.all([1, 2].map(() => discovery.resource("example.org/v1", "Widget")));
    const expected = { apiVersion: "example.org/v1", kind: "Widget", plural: "widgets", namespaced: true };
    assert.deepEqual(both, [expected, expected]);
    await discovery.resource("example.org/v1", "Widget");
    const before = fake.requests.length;
    assert.equal(await discovery.find("example.org/v1", "Gadget"), undefined);
    resources.push({ name: "gadgets", kind: "Gadget", namespaced: false });
    assert.equal((await discovery.find("example.org/v1", "Gadget"))?.plural, "gadgets");
    assert.equal(fake.requests.length, before + 2);
  });

  test("an API version that is not served has no kinds", async (t) => {
    const { client } = await connectFake(t);
    const discovery = new Discovery(client);
    assert.equal(await discovery.find("none.org/v1", "Widget"), undefined);
    await assert.rejects(discovery.resource("none.org/v1", "Widget"), { code: "KUBERNETES_KIND_UNKNOWN" });
  });

  test("a failure is told, and not kept", async (t) => {
    const { client, fake } = await connectFake(t, { documents: { "/apis/a/v1": { resources: [widget] } } });
    const discovery = new Discovery(client);
    fake.inject({ path: "/apis/a/v1", answer: { status: 503, body: {} } });
    await assert.rejects(discovery.find("a/v1", "Widget"), { code: "KUBERNETES_SERVER_ERROR" });
    assert.equal((await discovery.find("a/v1", "Widget"))?.plural, "widgets");
  });

  test("lists the versions of a group, the preferred one first", async (t) => {
    const group = {
      versions: [{ version: "v1" }, { version: "v3" }],
      preferredVersion: { version: "v3" },
    };
    const { client } = await connectFake(t, { documents: { "/apis/projectcalico.org": group } });
    const discovery = new Discovery(client);
    assert.deepEqual(await discovery.versionsOf("projectcalico.org"), ["v3", "v1"]);
    assert.deepEqual(await discovery.versionsOf("none.org"), []);
  });
});
