import { z } from "zod";
import { parseExactJson } from "../../../../exact-json.ts";
import type { JsonObject } from "../../../../json.ts";
import type { Action, Gate } from "../../../../engine/migration.ts";
import { nativeApiService } from "../../../../kubernetes/api-services.ts";
import {
  readApiService,
  removeApiService,
  restoreApiService,
  whyNotServedLocally,
} from "../../../../kubernetes/api-services-calls.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { decided } from "../decided.ts";
import { askHiddenAgain, askHiddenSince } from "../hidden/found.ts";
import { sendFor, writeOptions } from "../dependants.ts";
import type { RestoreOptions } from "../options.ts";
import { servesAgain } from "../serves-again.ts";

const POLL_MS = 1000;
const AVAILABLE_MS = 600_000;
/** Whether this run puts it back, and who served the group before. */
const Restoring = z.object({ isOurs: z.boolean(), was: z.string() });

/** The API server makes its own one by itself, where there are definitions for the group. */
const removeAgain: Action<ClusterConnections, RestoreOptions> = {
  kind: "action",
  name: "remove-apiservice-again",
  title: "delete the APIService that the restore put back",
  act: async (context) => {
    const { data } = Restoring.safeParse(await context.notesOf("restore-apiservice"));
    if (data?.isOurs !== true) return { done: true };
    const send = sendFor(context);
    const { served, uid } = await readApiService(send, nativeApiService);
    if (served === "aggregated") await removeApiService(send, nativeApiService, uid, writeOptions(context));
    const reason = data.was === "absent" ? undefined : await whyNotServedLocally(send, nativeApiService, []);
    if (reason !== undefined) return { wait: { reason: "Gate", message: reason, retryAfterMs: POLL_MS } };
    return { done: true };
  },
};

/** The last of all, as what is read and written after it goes to the aggregated API server. */
export const restoreApiServiceStage: Gate<ClusterConnections, RestoreOptions> = {
  kind: "gate",
  name: "restore-apiservice",
  title: "put the APIService of the aggregated API server back, and wait until it serves",
  changesCluster: true,
  approvals: [askHiddenSince],
  undo: [removeAgain],
  deadlineMs: () => AVAILABLE_MS,
  check: async (context) => {
    const { apiService } = (await decided(context)).pieces;
    if (apiService === undefined) return { done: true };
    if (context.notes["isOurs"] === undefined) {
      const { served } = await readApiService(sendFor(context), nativeApiService);
      await context.record({ isOurs: await servesAgain(context), was: served });
    }
    if (context.notes["isOurs"] !== true) return { done: true };
    const asked = await askHiddenAgain(context);
    if (asked !== undefined) return asked;
    const saved = parseExactJson(apiService) as JsonObject;
    const { available, message } = await restoreApiService(sendFor(context), saved, writeOptions(context));
    if (!available) return { wait: { reason: "Gate", message, retryAfterMs: POLL_MS } };
    await context.announce("apiservice.restored", {});
    return { done: true };
  },
};
