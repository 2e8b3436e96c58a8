import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../json.ts";
import type { KubernetesClient } from "./client.ts";
import { isKubernetesError } from "./errors.ts";
import { textAt } from "./fields.ts";
import { pageAfterPause } from "./pages.ts";
import { connectFake } from "./testing/connect-fake.ts";
import { failure } from "./testing/fake-store.ts";

const widgets = { apiVersion: "example.org/v1", plural: "widgets" };

async function seed(client: KubernetesClient, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, n) => `w${String(n).padStart(2, "0")}`);
  for (const name of names) await client.create(widgets, { metadata: { name } });
  return names;
}

async function walk(client: KubernetesClient, pageSize: number): Promise<string[][]> {
  const pages: string[][] = [];
  for await (const page of client.pages(widgets, { pageSize })) {
    pages.push(page.map(nameOf));
  }
  return pages;
}

const nameOf = (object: JsonObject) => textAt(object, "metadata", "name");
const expired = failure(410, "Expired", "The provided continue parameter is too old");
const second = "example.org/v1|widgets||w01";

suite("pages", () => {
  test("gives every object once, no page larger than asked, and no empty page", async (t) => {
    const { client } = await connectFake(t);
    assert.deepEqual(await walk(client, 3), []);
    const names = await seed(client, 7);
    const pages = await walk(client, 3);
    assert.deepEqual(pages.flat(), names);
    assert.deepEqual(
      pages.map((page) => page.length),
      [3, 3, 1],
    );
  });

  test("goes on with the token of a 410", async (t) => {
    const { client, fake } = await connectFake(t);
    const names = await seed(client, 5);
    const pages = client.pages(widgets, { pageSize: 2 })[Symbol.asyncIterator]();
    const first = await pages.next();
    fake.inject({ answer: { ...expired, body: { ...expired.body, metadata: { continue: second } } } });
    const rest: string[] = [];
    for (let next = await pages.next(); next.done !== true; next = await pages.next()) {
      rest.push(...next.value.map(nameOf));
    }
    assert.equal(first.done, false);
    assert.deepEqual(rest, names.slice(2));
  });

  test("starts again where a 410 has no token, and gives up when that goes on", async (t) => {
    const { client, fake } = await connectFake(t);
    const names = await seed(client, 4);
    const pages = client.pages(widgets, { pageSize: 2 });
    const seen: string[] = [];
    for await (const page of pages) {
      if (seen.length === 0) fake.inject({ answer: expired });
      seen.push(...page.map(nameOf));
    }
    assert.deepEqual(seen, [...names.slice(0, 2), ...names]);
    await assert.rejects(
      async () => {
        for await (const page of client.pages(widgets, { pageSize: 2 })) {
          assert(page.length > 0);
          fake.inject({ answer: expired });
        }
      },
      (error) => isKubernetesError(error, "KUBERNETES_EXPIRED"),
    );
  });
});

suite("pageAfterPause", () => {
  for (const { how, body, begins } of [
    { how: "onward", body: { metadata: { continue: second } }, begins: "w02" },
    { how: "onward", body: {}, begins: "w00" },
    { how: "afresh", body: { metadata: { continue: second } }, begins: "w00" },
  ] as const)
    test(`goes on ${how} from ${begins} where the answer to an expired token says ${JSON.stringify(body)}`, async (t) => {
      const { client, fake } = await connectFake(t);
      await seed(client, 5);
      const { continueToken } = await client.list(widgets, { limit: 3 });
      const list = (token: string | undefined) => client.list(widgets, { limit: 2, continueToken: token });
      fake.inject({ answer: { ...expired, body: { ...expired.body, ...body } } });
      const { items } = await pageAfterPause(list, continueToken, how);
      assert.equal(items.map(nameOf)[0], begins);
    });

  test("throws what the server says to a list that only begins", async (t) => {
    const { client, fake } = await connectFake(t);
    fake.inject({ answer: expired });
    const list = () => client.list(widgets);
    await assert.rejects(pageAfterPause(list, undefined, "onward"), (error) =>
      isKubernetesError(error, "KUBERNETES_EXPIRED"),
    );
  });
});
