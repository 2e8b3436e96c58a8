import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Json, JsonObject } from "../../../../json.ts";
import { KubernetesApiError } from "../../../../kubernetes/errors.ts";
import { AdaptiveLimiter } from "../../../../kubernetes/limiter.ts";
import type { KubernetesApi, ListOptions, ResourceRef } from "../../../../kubernetes/types.ts";
import type { Cluster } from "./cluster.ts";
import { gatherDependants } from "./dependants.ts";

const VERSION = "example.org/v1";
const DOCUMENTS: Readonly<Record<string, JsonObject>> = {
  "/apis": {
    groups: [
      {
        name: "example.org",
        versions: [{ groupVersion: VERSION }],
        preferredVersion: { groupVersion: VERSION },
      },
    ],
  },
  "/api/v1": { resources: [] },
  [`/apis/${VERSION}`]: {
    resources: ["gadgets", "secrets", "widgets"].map((name) => ({ name, verbs: ["list", "patch"] })),
  },
};
const OWNED = {
  metadata: {
    name: "one",
    ownerReferences: [{ apiVersion: "projectcalico.org/v3", kind: "Tier", name: "t", uid: "u" }],
  },
};

/** A cluster with so many pages of widgets and of gadgets, an owned object in each, and secrets that nobody may list. */
function clusterWith(pages: Readonly<Record<string, number>>): { cluster: Cluster; listed: string[] } {
  const listed: string[] = [];
  const kubernetes: Pick<KubernetesApi, "request" | "list"> = {
    request: ({ path }) => Promise.resolve({ status: 200, body: DOCUMENTS[path] ?? {} }),
    list: ({ plural }: ResourceRef, { continueToken }: ListOptions = {}) => {
      const page = Number(continueToken ?? 0);
      listed.push(`${plural} ${page}`);
      if (plural === "secrets") return Promise.reject(forbidden());
      const more = page + 1 < (pages[plural] ?? 0) ? { continueToken: String(page + 1) } : {};
      return Promise.resolve({ items: [OWNED], resourceVersion: "1", ...more });
    },
  };
  return { cluster: { kubernetes: kubernetes as KubernetesApi, limiter: new AdaptiveLimiter() }, listed };
}

function forbidden(): KubernetesApiError {
  return new KubernetesApiError("KUBERNETES_FORBIDDEN", "secrets is forbidden", { next: "", status: 403 });
}

suite("counting what belongs to objects of Calico", () => {
  test("counts by resource, and tells what cannot be listed", async () => {
    const { cluster } = clusterWith({ gadgets: 1, widgets: 3 });

    const { byResource, unread } = await gatherDependants(cluster);

    assert.deepEqual(byResource, { "gadgets.example.org": 1, "widgets.example.org": 3 });
    assert.deepEqual(unread, ["example.org/v1/secrets: secrets is forbidden"]);
  });

  test("goes on where it was cut off, and has the same result in the end", async () => {
    const whole = clusterWith({ gadgets: 15, widgets: 50 });
    const expected = await gatherDependants(whole.cluster);
    const { cluster, listed } = clusterWith({ gadgets: 15, widgets: 50 });
    let kept: Json | undefined;
    for (let calls = 0; calls < 10; calls++) {
      const cut = new AbortController();
      const write = (at: JsonObject): Promise<void> => {
        kept = JSON.parse(JSON.stringify(at)) as JsonObject;
        cut.abort(new Error("time is over"));
        return Promise.resolve();
      };
      const book = { read: () => kept, write };
      const found = await gatherDependants({ ...cluster, signal: cut.signal, book }).catch(() => undefined);
      if (found === undefined) continue;
      assert.deepEqual(found, expected);
      break;
    }
    assert.deepEqual(listed, whole.listed, "every page once, in the same order");
  });

  test("is not done again once it is done", async () => {
    const { cluster, listed } = clusterWith({ gadgets: 1, widgets: 1 });
    let kept: Json | undefined;
    const write = (at: JsonObject): Promise<void> => Promise.resolve(void (kept = at));
    const first = await gatherDependants({ ...cluster, book: { read: () => kept, write } });
    const pages = listed.length;

    assert.deepEqual(await gatherDependants({ ...cluster, book: { read: () => kept, write } }), first);
    assert.equal(listed.length, pages);
  });
});
