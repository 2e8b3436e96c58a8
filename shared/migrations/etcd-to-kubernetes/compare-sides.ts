import type { Checkpoint, RunRecord } from "../../engine/records.ts";
import { type Ledger, ledgerPages, openLedger } from "../../engine/ledger.ts";
import type { ArtifactStore, CheckpointStore } from "../../engine/ports.ts";
import type { ForwardContext } from "../../calico/forwarded.ts";
import type { ClusterConnections } from "../connections.ts";
import { compareResource } from "./compare.ts";
import { conversionBy, Decisions } from "./decisions.ts";
import { detailOf } from "../copying/ledger-detail.ts";
import { storedNodeNames } from "./node-names.ts";
import { orAbsent } from "../target/calls.ts";
import { nothingCopied } from "../nothing-copied.ts";
import { onlyInSource, onlyInTarget, type SideDifference } from "./one-sided.ts";
import { refOf } from "./target-refs.ts";

const PAGE = 200;

/**
 * Compares, reading only, what a run has copied with what both sides hold now, a page at a time; and names what only one of
 * them has. Throws NOTHING_COPIED for a run that has copied nothing yet.
 */
export async function* compareRun(
  ports: { store: CheckpointStore; artifacts: ArtifactStore },
  connections: ClusterConnections,
  run: RunRecord,
): AsyncGenerator<SideDifference, void> {
  const conversion = await conversionOf(ports, run);
  const open = (name: string): Ledger =>
    openLedger(ports.store, run.runId, name, () => {
      throw new Error("a comparison writes nothing");
    });
  const ledger = open("resources");
  for await (const page of ledgerPages(ledger, {
    states: ["applied", "verified", "conflict", "failed"],
    limit: PAGE,
  })) {
    const sources = await connections.etcd().getMany(page.map(({ key }) => key));
    const compared = page.map(async (checkpoint) => {
      const source = sources.get(checkpoint.key);
      const target = await orAbsent(
        connections.limiter.run(() => connections.kubernetes.get(refOf(checkpoint, conversion.targetGroup))),
      );
      const current = { ...checkpoint, sourceRevision: source?.modRevision ?? checkpoint.sourceRevision };
      const pair = { checkpoint: current, source, target };
      const comparison = await compareResource(
        { run, connections, signal: never, ensureHeld },
        conversion,
        pair,
      );
      return comparison.result === "equal" ? undefined : difference(checkpoint, comparison);
    });
    for (const found of await Promise.all(compared)) if (found !== undefined) yield found;
  }
  const ledgers = { resources: ledger, uncarried: open("uncarried") };
  yield* onlyInSource(connections, conversion, ledgers);
  yield* onlyInTarget(connections, conversion, { run, resources: ledger });
}

const never = new AbortController().signal;
/** Reading needs no lease. */
const ensureHeld = (): void => undefined;

async function conversionOf(
  { store, artifacts }: { store: CheckpointStore; artifacts: ArtifactStore },
  run: RunRecord,
): Promise<ForwardContext> {
  const stage = await store.getStage({ runId: run.runId, track: "forward", stage: "preflight" });
  const decided = Decisions.safeParse(stage?.notes);
  if (decided.success) return conversionBy(decided.data, await storedNodeNames(artifacts, run.runId));
  throw nothingCopied(run);
}

function difference(
  checkpoint: Checkpoint,
  comparison: { result: "source-changed" } | { result: "different"; message: string },
): SideDifference {
  const { kind, namespace } = detailOf(checkpoint);
  const reason =
    comparison.result === "different" ? comparison.message : "it is gone from etcd, or no longer carriable";
  return { kind, ...(namespace === undefined ? {} : { namespace }), target: checkpoint.target, reason };
}
