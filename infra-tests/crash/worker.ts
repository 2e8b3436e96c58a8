import { DEFAULT_RETRY } from "../../shared/engine/backoff.ts";
import { Engine } from "../../shared/engine/engine.ts";
import type { StageRecord } from "../../shared/engine/records.ts";
import { isSettled } from "../../shared/engine/settled.ts";
import { runWorker } from "../../shared/engine/worker.ts";
import { holderName, openEmbedded } from "../../shared/adapters/embedded/index.ts";
import { SystemClock } from "../../shared/adapters/system-clock.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { apiserverToCrds } from "../../shared/migrations/apiserver-to-crds/index.ts";
import { etcdToKubernetes } from "../../shared/migrations/etcd-to-kubernetes/index.ts";
import { isReview, WRITES } from "../../shared/migrations/testing/life.ts";
import { connectionsTo } from "../rig/clusters.ts";
import { approvedAsAgreed } from "../rig/runs.ts";

// A worker process that works on one run until it is settled, or kills itself at the n-th write boundary: before a write
// is begun, or when it is known to be done; or, with "stage", when it has begun a stage that is new.
// So many boundaries before that (`notice`) it sends its parent a message.

const [store = "", etcdEndpoint = "", kubeconfig = "", runId = "", boundaries = "", ...times] =
  process.argv.slice(2);
const [leaseTtlMs = "15000", notice = "0"] = times;
const atStages = boundaries === "stage";
let left = boundaries === "" || atStages ? Infinity : Number(boundaries);

function boundary(): void {
  left--;
  if (left === Number(notice)) process.send?.("reached");
  if (left <= 0) process.kill(process.pid, "SIGKILL");
}

function isNew({ state, cursor, notes }: StageRecord): boolean {
  return state === "running" && cursor === undefined && Object.keys(notes).length === 0;
}

/** The same object, with a boundary before and after each of its writes. */
function mortal<T extends object>(target: T, writes: readonly string[]): T {
  return new Proxy(target, {
    get: (object, name) => {
      const member: unknown = Reflect.get(object, name, object);
      if (typeof member !== "function") return member;
      const method = member as (...args: unknown[]) => unknown;
      if (typeof name !== "string" || !writes.includes(name))
        return (...args: unknown[]) => method.apply(object, args);
      return async (...args: unknown[]) => {
        if (isReview(args)) return method.apply(object, args);
        boundary();
        const result = await method.apply(object, args);
        if (atStages && name === "saveStage" && isNew(args[0] as StageRecord)) left = 0;
        boundary();
        return result;
      };
    },
  });
}

const clock = new SystemClock();
const embedded = openEmbedded(store, { clock });
const real = connectionsTo({ kubeconfig, ...(etcdEndpoint === "" ? {} : { etcdEndpoint }) });
const connections = {
  open: async (cluster: string, options: Parameters<typeof real.open>[1]): Promise<ClusterConnections> => {
    const { kubernetes, etcd, ...others } = await real.open(cluster, options);
    return {
      ...others,
      kubernetes: mortal(kubernetes, WRITES.kubernetes),
      etcd: () => mortal(etcd(), WRITES.etcd),
    };
  },
};
const ports = {
  store: mortal(embedded.store, WRITES.store),
  queue: mortal(embedded.queue, ["send", "acknowledge"]),
  artifacts: mortal(embedded.artifacts, WRITES.artifacts),
  events: embedded.events,
  clock,
  connections,
};
const settings = {
  holder: holderName(),
  leaseTtlMs: Number(leaseTtlMs),
  busyDelayMs: 50,
  retry: DEFAULT_RETRY,
};
const engine = new Engine<ClusterConnections>(ports, settings, [etcdToKubernetes, apiserverToCrds]);
const stop = new AbortController();
const working = runWorker(
  { engine, queue: ports.queue, clock },
  { batchConcurrency: 4, visibilityMs: 30_000, runId },
  stop.signal,
);
working.catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
await engine.wake(runId);
for (;;) {
  const { run, control } = await engine.describe(runId);
  if (isSettled(run, control) && !(await approvedAsAgreed(engine, run, control))) break;
  await clock.sleep(20);
}
stop.abort();
await working;
real.close();
embedded.close();
process.exit(0);
