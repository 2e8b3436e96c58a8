import { randomBytes } from "node:crypto";
import { DEFAULT_RETRY } from "../../shared/engine/backoff.ts";
import { Engine } from "../../shared/engine/engine.ts";
import type { RunControl, RunRecord } from "../../shared/engine/records.ts";
import { isSettled } from "../../shared/engine/settled.ts";
import { runWorker } from "../../shared/engine/worker.ts";
import { type Embedded, holderName, openEmbedded } from "../../shared/adapters/embedded/index.ts";
import { SystemClock } from "../../shared/adapters/system-clock.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { apiserverToCrds } from "../../shared/migrations/apiserver-to-crds/index.ts";
import { restore } from "../../shared/migrations/backup/restore/index.ts";
import { etcdToKubernetes } from "../../shared/migrations/etcd-to-kubernetes/index.ts";
import { connectionsTo, type SidesAddress } from "./clusters.ts";

/** An engine with its embedded store, on real clusters. */
export interface TestEngine {
  engine: Engine<ClusterConnections>;
  embedded: Embedded;
  /** Works until the run is in a state where it needs somebody or nothing, and returns it. */
  drive(runId: string, until?: (run: RunRecord, control: RunControl) => boolean): Promise<RunRecord>;
  close(): void;
}

const MOST_AGREEMENTS = 8;

/** Opens an engine on a store file. */
export function openEngine(
  storePath: string,
  sides: SidesAddress,
  options: { concurrency?: number; batchConcurrency?: number } = {},
): TestEngine {
  const clock = new SystemClock();
  const embedded = openEmbedded(storePath, { clock });
  const connections = connectionsTo(sides, options.concurrency);
  const { store, queue, artifacts, events } = embedded;
  const settings = { holder: holderName(), leaseTtlMs: 15_000, busyDelayMs: 50, retry: DEFAULT_RETRY };
  const ports = { store, queue, artifacts, events, clock, connections };
  const engine = new Engine<ClusterConnections>(ports, settings, [
    etcdToKubernetes,
    apiserverToCrds,
    restore,
  ]);
  return {
    engine,
    embedded,
    drive: async (runId, until = isSettled) => {
      const stop = new AbortController();
      const batchConcurrency = options.batchConcurrency ?? 4;
      const working = runWorker(
        { engine, queue, clock },
        { batchConcurrency, visibilityMs: 30_000, runId },
        stop.signal,
      );
      const failed = working.then(() => undefined);
      // Somebody who goes on writing has the run ask again and again: the test then sees what it waits for.
      let agreements = 0;
      try {
        await engine.wake(runId);
        for (;;) {
          const { run, control } = await engine.describe(runId);
          if (until(run, control)) {
            const isAgreed = agreements < MOST_AGREEMENTS && (await approvedAsAgreed(engine, run, control));
            if (!isAgreed) return run;
            agreements++;
          }
          await Promise.race([clock.sleep(20), failed]);
        }
      } finally {
        stop.abort();
        await working.catch(() => undefined);
      }
    },
    close: () => {
      connections.close();
      embedded.close();
    },
  };
}

/**
 * A test that agrees to losses in advance gives an approval without a fingerprint, which holds for nothing: they are approved
 * when the run asks. True when that was done now.
 */
export async function approvedAsAgreed(
  engine: Engine<ClusterConnections>,
  { runId, waiting }: RunRecord,
  { approvals }: RunControl,
): Promise<boolean> {
  const subject = waiting?.reason === "Approval" ? waiting.subject : undefined;
  const agreed = approvals.some((one) => one.subject === subject && one.fingerprint === undefined);
  if (agreed) await engine.approve(runId, "test", subject);
  return agreed;
}

/** What has to be seen before it can be approved. */
const LOSSES: ReadonlySet<string> = new Set([
  "uncarried",
  "unmapped-nodes",
  "unread-dependants",
  "native-changes",
]);

async function started(
  { engine, embedded }: TestEngine,
  request: { migration: string; options: Record<string, unknown>; stopBefore?: string },
  subjects: readonly string[],
): Promise<string> {
  const all = subjects.map((subject) => ({ subject, by: "test", at: Date.now() }));
  const cluster = `test-${randomBytes(3).toString("hex")}`;
  const approvals = all.filter(({ subject }) => !LOSSES.has(subject));
  const { runId } = await engine.start({ ...request, cluster, approvals });
  const agreed = all.filter(({ subject }) => LOSSES.has(subject));
  await embedded.store.updateControl(runId, (control) => ({
    ...control,
    approvals: [...control.approvals, ...agreed],
  }));
  return runId;
}

/** Starts a run of apiserver-to-crds and returns its id. */
export async function startNativeRun(
  rig: TestEngine,
  options: Record<string, unknown>,
  request: { approvals?: readonly string[]; stopBefore?: string } = {},
): Promise<string> {
  const { approvals = ["unlock", "cleanup"], ...rest } = request;
  return started(rig, { migration: "apiserver-to-crds", options, ...rest }, approvals);
}

/** Starts a run of etcd-to-kubernetes and returns its id. */
export async function startRun(
  rig: TestEngine,
  options: Record<string, unknown> = {},
  approvals: readonly string[] = ["unlock", "switch", "uncarried", "unmapped-nodes"],
  stopBefore?: string,
): Promise<string> {
  const stop = stopBefore === undefined ? {} : { stopBefore };
  return started(rig, { migration: "etcd-to-kubernetes", options, ...stop }, approvals);
}
