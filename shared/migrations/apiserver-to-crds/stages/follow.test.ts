import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../../json.ts";
import type { Context } from "../context.ts";
import { ApiserverToCrdsOptions } from "../options.ts";
import { follow } from "./catch-up.ts";

/** Which approvals are asked for before the lock, with what preflight has recorded. */
async function asked(preflight: JsonObject, options: JsonObject = {}): Promise<Record<string, string>> {
  const context = {
    notesOf: () => Promise.resolve(preflight),
    options: ApiserverToCrdsOptions.parse(options),
    leftOut: [],
    ledger: () => ({ list: () => Promise.resolve([]) }),
  } as unknown as Context;
  const rules = follow.approvals ?? [];
  const answers = await Promise.all(rules.map((rule) => rule.needed(context)));
  return Object.fromEntries(
    rules.flatMap(({ subject }, index) => {
      const why = answers[index];
      return why === undefined ? [] : [[subject, why.message]];
    }),
  );
}

function scanned(...unread: string[]): JsonObject {
  return { dependants: { resumed: 0, at: { resources: [], byResource: {}, unread } } };
}

suite("before the lock", () => {
  test("the point of no return is asked for", async () => {
    assert.deepEqual(Object.keys(await asked(scanned())), ["unlock"]);
    assert.deepEqual(Object.keys(await asked({})), ["unlock"]);
  });

  test("what nobody could look at needs consent, and is named", async () => {
    const found = await asked(scanned("v1/secrets: forbidden", "apps/v1/deployments: forbidden"));
    assert.match(found["unread-dependants"] ?? "", /^2 resources could not be listed.*v1\/secrets/);
  });

  test("that nothing takes over what the API server guards needs consent, where nothing does", async () => {
    const findings = { installer: "manifests", namespace: "kube-system" };
    const none = { guards: "none" };
    const subjects = async (more: JsonObject): Promise<string[]> =>
      Object.keys(await asked({ findings: { ...findings, ...more } }, none));
    assert.deepEqual(await subjects({}), ["unlock", "unguarded"]);
    assert.deepEqual(await subjects({ guarded: true }), ["unlock"]);
    assert.deepEqual(await subjects({ installer: "operator" }), ["unlock"]);
    assert.deepEqual(Object.keys(await asked({ findings }, {})), ["unlock"]);
  });

  test("nothing is asked about it where all are left to the garbage collector", async () => {
    const options = { skipForeignOwnerReferences: true };
    assert.deepEqual(Object.keys(await asked(scanned("v1/secrets: forbidden"), options)), ["unlock"]);
  });
});
