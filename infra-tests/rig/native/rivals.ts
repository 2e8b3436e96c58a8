import { setTimeout as sleep } from "node:timers/promises";
import { savedApiService } from "../../../shared/kubernetes/api-services.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { objectAt, objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { API_SERVICE_PATH } from "../../harness/aggregated/publish.ts";
import { mustRequest, type TestApi } from "../../harness/api.ts";
import { calicoCrds } from "../../harness/crds.ts";
import { inParallel } from "../../harness/parallel.ts";
import { waitUntil } from "../../harness/wait.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const MERGE = { contentType: "application/merge-patch+json" };

/** Somebody who undoes what the migration does. */
export interface Rival {
  /** How often it had something to undo. */
  readonly undone: number;
  stop(): Promise<void>;
}

/**
 * Acts again and again until it is stopped, after pauses that grow by this factor each time: what a fast machine does between
 * two acts takes longer than any fixed pause on a slow one. A failure of `act` is thrown by `stop`.
 */
export function startRival(firstPauseMs: number, act: () => Promise<boolean>, growth = 1): Rival {
  const stopped = new AbortController();
  let undone = 0;
  let pauseMs = firstPauseMs;
  const running = (async () => {
    while (!stopped.signal.aborted) {
      if (await act()) undone++;
      await sleep(pauseMs, undefined, { signal: stopped.signal }).catch(() => undefined);
      pauseMs *= growth;
    }
  })();
  running.catch(() => undefined);
  return {
    get undone() {
      return undone;
    },
    stop: async () => {
      stopped.abort();
      await running;
    },
  };
}

/** Puts the native CRDs back as their manifest has them, as Helm and GitOps tools do; true when one was not so. */
export async function putCrdsBack(api: TestApi): Promise<boolean> {
  let found = false;
  await inParallel(calicoCrds("projectcalico.org/v3"), 8, async (crd) => {
    const path = `${CRDS}/${textAt(crd, "metadata", "name")}`;
    const { versions = [] } = objectAt(crd, "spec");
    const present = await mustRequest(api, "GET", path, undefined, { accepted: [404] });
    const names = objectsAt(present, "spec", "versions").map(({ name }) => name);
    if (names.length <= 1) return;
    found = true;
    await mustRequest(api, "PATCH", path, { spec: { versions } }, MERGE);
  });
  return found;
}

/** Creates the aggregated APIService anew in place of the automanaged one, as the operator does; true when it was not there. */
export async function recreateApiService(api: TestApi, saved: JsonObject): Promise<boolean> {
  return waitUntil(
    { what: "the APIService is created anew", timeoutMs: 120_000, intervalMs: 5 },
    async () => {
      const found = await api.request("GET", API_SERVICE_PATH);
      if (objectAt(found.body, "spec")["service"] !== undefined) return "there";
      if (found.status === 200) {
        const uid = textAt(found.body, "metadata", "uid");
        await api.request("DELETE", API_SERVICE_PATH, { preconditions: { uid } });
      }
      // The API server may have been quicker with its own.
      const collection = API_SERVICE_PATH.slice(0, API_SERVICE_PATH.lastIndexOf("/"));
      return (await api.request("POST", collection, saved)).status === 201 && "created";
    },
  ).then((outcome) => outcome === "created");
}

/** The APIService as it would be created anew. */
export async function presentApiService(api: TestApi): Promise<JsonObject> {
  return savedApiService(await mustRequest(api, "GET", API_SERVICE_PATH));
}
