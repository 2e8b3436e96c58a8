import type { RunRecord } from "../../engine/records.ts";
import { AdaptiveLimiter } from "../../kubernetes/limiter.ts";
import type { KubernetesApi } from "../../kubernetes/types.ts";
import type { AnyContext } from "../context.ts";

/** What a stage has around it that only talks to a cluster: a run, a limiter, and a lease that is held. */
export function contextOn(kubernetes: KubernetesApi, runId = "run"): AnyContext {
  return {
    run: { runId } as RunRecord,
    connections: {
      kubernetes,
      limiter: new AdaptiveLimiter(),
      etcd: () => {
        throw new Error("there is no etcd");
      },
    },
    signal: new AbortController().signal,
    ensureHeld: () => undefined,
  };
}
