import type { Action } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { keepRemoved } from "../api-service.ts";
import { isPrecopied } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { close, openAgain } from "../second-version.ts";

const POLL_MS = 500;
const OPEN_MS = 60_000;

/**
 * The way back needs the second version once the APIService is restored. It must not keep the old group locked, so after a
 * while it goes on without; `reason` is then in its notes.
 */
const reopen: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "open-second-version-again",
  title: "open the second version of the native CRDs again",
  act: async (context) => {
    const reason = (await isPrecopied(context)) ? await openAgain(context) : undefined;
    if (reason === undefined) return { done: true };
    const now = context.clock.now();
    const { openingAt = now } = context.notes;
    await context.record({ openingAt, reason });
    if (now - Number(openingAt) > OPEN_MS) return { done: true };
    return { wait: { reason: "Gate", message: reason, retryAfterMs: POLL_MS } };
  },
};

/** Takes the second version off the native CRDs, once projectcalico.org/v3 is served out of them. */
export const closeSecondVersion: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "close-second-version",
  title: "take the second version off the native CRDs",
  changesCluster: true,
  undo: [reopen],
  act: async (context) => {
    const reason = await keepRemoved(context);
    if (reason !== undefined) return { wait: { reason: "Gate", message: reason, retryAfterMs: POLL_MS } };
    await close(context);
    return { done: true };
  },
};
