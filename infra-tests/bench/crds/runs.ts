import type { Snapshot } from "../../harness/snapshot.ts";
import type { NativeBed } from "../../rig/native/bed.ts";
import { dumpGroups, withoutOwnerUids } from "../../rig/native/dump.ts";
import { CEILING } from "../ceiling/clients.ts";
import { say } from "../clusters.ts";
import type { SizeRun } from "../measurements/size-runs.ts";
import { timeOf } from "../migrator/records.ts";
import { withStorePath } from "../migrator/store-folder.ts";
import type { CrdsBenchOptions, CrdsMeasurementName } from "../options.ts";
import { withBed, carriedBy } from "./bed.ts";
import { measureNativeCeiling, type NativeCeiling } from "./ceiling.ts";
import { makeChanges } from "./changes.ts";
import { type Differences, differencesOf, untypedPolicies } from "./differences.ts";
import { migrateNative } from "./migrator.ts";
import { runUpstream, type UpstreamRun } from "./upstream.ts";

/** How many changes are made right before the lock, so that they are the work of the time inside it. */
export const CHANGES = 60;

/** One round at one size: everything that is compared, turn by turn, each on a fresh bed of the same objects. */
export interface NativeRound {
  ours: SizeRun;
  ceiling?: NativeCeiling;
  upstream?: UpstreamRun;
  /** What upstream has made of the objects, against what we have. */
  differences?: Differences;
}

/** Everything that was run. */
export interface NativeRuns {
  rounds: readonly NativeRound[];
}

/** Runs what the selected measurements need. `upstream` names the binary of upstream's controller. */
export async function runNative(
  options: CrdsBenchOptions,
  upstream: string | undefined,
): Promise<NativeRuns> {
  const { sizes, rounds: count, resources } = options;
  const hasCeiling = wants(options, "copy");
  const rounds: NativeRound[] = [];
  for (let round = 1; round <= count; round++) {
    for (const size of sizes) {
      const binary = size <= resources ? upstream : undefined;
      rounds.push(await runRound(size, round, { hasCeiling, binary }));
    }
  }
  return { rounds };
}

/** True when one of these measurements is selected. */
export function wants({ only }: CrdsBenchOptions, ...names: readonly CrdsMeasurementName[]): boolean {
  return names.some((name) => only.includes(name));
}

/** The rounds of one size. */
export function roundsOf({ rounds }: NativeRuns, size: number): NativeRound[] {
  return rounds.filter(({ ours }) => ours.resources === size);
}

async function runRound(
  size: number,
  round: number,
  { hasCeiling, binary }: { hasCeiling: boolean; binary: string | undefined },
): Promise<NativeRound> {
  say(`round ${round}: ${size} resources, the migrator`);
  const { ours, snapshot } = await runOurs(size, round, binary !== undefined);
  const ceiling = hasCeiling ? { ceiling: await runCeiling(size) } : {};
  if (binary === undefined || snapshot === undefined) return { ours, ...ceiling };
  say(`round ${round}: ${size} resources, upstream's controller`);
  return { ours, ...ceiling, ...(await runTheirs(size, binary, snapshot)) };
}

/** With all controllers, so that the garbage collector works beside the migrator as it does in a cluster. */
function realBed(resources: number): { resources: number; nodes: number } {
  return { resources, nodes: 2 };
}

function runOurs(
  resources: number,
  round: number,
  isCompared: boolean,
): Promise<{ ours: SizeRun; snapshot?: Snapshot }> {
  return withBed(realBed(resources), (bed, load) =>
    withStorePath("disk", async (store) => {
      let changedAt = Infinity;
      const run = await migrateNative(bed, {
        store,
        onStage: async (stage) => {
          if (stage !== "release-owners") return;
          await makeChanges(bed.api, CHANGES);
          changedAt = Date.now();
        },
      });
      const changedInTime = changedAt <= timeOf(run, "catch-up").startedAt;
      const { total: caughtUp } = timeOf(run, "verify-changes");
      const ours = { resources, round, load, changedInTime, caughtUp, ...run };
      return isCompared ? { ours, snapshot: await nativeObjects(bed) } : { ours };
    }),
  );
}

function runCeiling(resources: number): Promise<NativeCeiling> {
  say(`ceiling with ${CEILING}`);
  return withBed(realBed(resources), measureNativeCeiling);
}

/** Without any controller: with a garbage collector, upstream's copy may lose what it has just made, and never end. */
function runTheirs(
  resources: number,
  binary: string,
  ours: Snapshot,
): Promise<{ upstream: UpstreamRun; differences: Differences }> {
  return withBed({ resources, controllers: false }, async (bed) => {
    await makeChanges(bed.api, CHANGES);
    const untyped = untypedPolicies((await dumpGroups(bed.api)).old);
    const upstream = await runUpstream(binary, bed, carriedBy(bed));
    return { upstream, differences: differencesOf(await nativeObjects(bed), ours, untyped) };
  });
}

async function nativeObjects({ api }: NativeBed): Promise<Snapshot> {
  return withoutOwnerUids((await dumpGroups(api)).native);
}
