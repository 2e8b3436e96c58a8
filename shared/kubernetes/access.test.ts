import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { checkAccess } from "./access.ts";
import { connectFake } from "./testing/connect-fake.ts";

suite("checkAccess", () => {
  test("gives the denied rules in their order, each asked as it is", async (t) => {
    const { client, fake } = await connectFake(t, {
      allows: ({ verb, namespace }) => verb === "get" && namespace === undefined,
    });
    const rules = [
      { group: "", resource: "nodes", subresource: "status", verb: "patch" },
      { group: "", resource: "nodes", verb: "get" },
      { group: "apps", resource: "daemonsets", verb: "get", namespace: "kube-system" },
    ];
    assert.deepEqual(await checkAccess(client, rules), [
      { ...rules[0], reason: "no rule" },
      { ...rules[2], reason: "no rule" },
    ]);
    assert.deepEqual(
      new Set(fake.requests.map(({ body }) => JSON.stringify(body["spec"]))),
      new Set(rules.map((rule) => JSON.stringify({ resourceAttributes: rule }))),
    );
  });

  test("no rules need no question", async (t) => {
    const { client, fake } = await connectFake(t);
    assert.deepEqual(await checkAccess(client, []), []);
    assert.equal(fake.requests.length, 0);
  });
});
