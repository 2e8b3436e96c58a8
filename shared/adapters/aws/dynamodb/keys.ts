import { createHash } from "node:crypto";
import type { BatchRef, CheckpointId, StageRef } from "../../../engine/records.ts";
import { decodeText, encodeText } from "./text-order.ts";

/** The primary key of an item. */
export interface Key {
  pk: string;
  sk: string;
}

/** All sort keys of one kind in one partition: from `first` to `last`, both included. */
export interface KeyRange {
  pk: string;
  first: string;
  last: string;
}

/** Numbers of batches and events, and ranks, are smaller than this. */
const LIMIT = 10_000_000_000;

/** A name as a part of a key: `#` separates parts. */
export function segment(name: string): string {
  return encodeText(name).replaceAll(/[%#]/g, (sign) => (sign === "%" ? "%25" : "%23"));
}

/** The name of a {@link segment}. */
export function nameOf(part: string): string {
  return decodeText(part.replaceAll(/%2[35]/g, (code) => (code === "%25" ? "%" : "#")));
}

/** The partition of a run: its record, control, events, stages and the names of its ledgers. */
export function runPartition(runId: string): string {
  return `RUN#${segment(runId)}`;
}

export function runKey(runId: string): Key {
  return { pk: runPartition(runId), sk: "META" };
}

/** The id of the run that has this key. */
export function runIdOf({ pk }: Key): string {
  return nameOf(pk.slice("RUN#".length));
}

export function controlKey(runId: string): Key {
  return { pk: runPartition(runId), sk: "CONTROL" };
}

export function eventKey(runId: string, sequence: number): Key {
  return { pk: runPartition(runId), sk: `EVENT#${ordinal(sequence)}` };
}

export function stageKey({ runId, track, stage }: StageRef): Key {
  return { pk: runPartition(runId), sk: `STAGE#${track}#${segment(stage)}` };
}

/** The stage that has this key. */
export function stageRefOf(runId: string, { sk }: Key): StageRef {
  const [, track, stage = ""] = sk.split("#");
  return { runId, track: track === "rollback" ? "rollback" : "forward", stage: nameOf(stage) };
}

export function batchKey(ref: BatchRef): Key {
  return { pk: batchPartition(ref), sk: `BATCH#${ordinal(ref.batch)}` };
}

export function batchPartition({ runId, track, stage }: StageRef): string {
  return `${runPartition(runId)}#BATCHES#${track}#${segment(stage)}`;
}

/** Notes that a run has a ledger of this name. */
export function ledgerKey(runId: string, ledger: string): Key {
  return { pk: runPartition(runId), sk: `LEDGER#${segment(ledger)}` };
}

export function ledgerPartition(runId: string, ledger: string): string {
  return `${runPartition(runId)}#LEDGER#${segment(ledger)}`;
}

export function checkpointKey(runId: string, ledger: string, id: CheckpointId): Key {
  return { pk: ledgerPartition(runId, ledger), sk: checkpointSortKey(id) };
}

/** Sorts as (rank, key) does. */
export function checkpointSortKey({ rank, key }: CheckpointId): string {
  return `CP#${ordinal(rank)}#${encodeText(key)}`;
}

/** The rank and key of a {@link checkpointSortKey}. */
export function checkpointIdOf(sortKey: string): CheckpointId {
  const start = "CP#".length;
  const end = sortKey.indexOf("#", start);
  return { rank: Number(sortKey.slice(start, end)) - LIMIT, key: decodeText(sortKey.slice(end + 1)) };
}

/** The partitions that hold which checkpoint has a target. One would take the load of writing all of them at once. */
export function targetPartitions(runId: string, ledger: string): string[] {
  return Array.from("0123456789abcdef", (shard) => `${ledgerPartition(runId, ledger)}#TARGETS#${shard}`);
}

export function targetKey(runId: string, ledger: string, target: string): Key {
  const sk = `TARGET#${encodeText(target)}`;
  const shard = createHash("sha256").update(sk).digest("hex").charAt(0);
  return { pk: `${ledgerPartition(runId, ledger)}#TARGETS#${shard}`, sk };
}

export function leaseKey(name: string): Key {
  return { pk: `LEASE#${segment(name)}`, sk: "LEASE" };
}

/** The entry of a run in the list of all runs; with a cluster, in the list of that one's. */
export function listedRunKey(run: { runId: string; createdAt: number }, cluster?: string): Key {
  const listed = `${new Date(run.createdAt).toISOString()}#${segment(run.runId)}`;
  return { pk: runListPartition(cluster), sk: `LISTED#${listed}` };
}

/** The id of the run that has this {@link listedRunKey}. */
export function listedRunId({ sk }: Key): string {
  return nameOf(sk.slice(sk.lastIndexOf("#") + 1));
}

export function runListPartition(cluster?: string): string {
  return cluster === undefined ? "RUNS" : `CLUSTER#${segment(cluster)}`;
}

/** Which runs of a cluster have not ended, and which one holds it. */
export function clusterStateKey(cluster: string): Key {
  return { pk: `CLUSTER#${segment(cluster)}`, sk: "STATE" };
}

/** The record of a registered cluster. */
export function clusterKey(cluster: string): Key {
  return { pk: "CLUSTERS", sk: `CLUSTER#${segment(cluster)}` };
}

/** Where all locks of datastores that are held, or may be, are together. */
export const LOCKS = "LOCKS";

/** Notes that a run holds a datastore locked. */
export function lockKey(runId: string): Key {
  return { pk: LOCKS, sk: `RUN#${segment(runId)}` };
}

/** Notes that what is left of a run is being removed. */
export function removalKey(runId: string): Key {
  return { pk: "REMOVALS", sk: `RUN#${segment(runId)}` };
}

/** Every sort key of a partition that begins with `prefix`, which ends in `#`. */
export function rangeOf(pk: string, prefix: string): KeyRange {
  // "$" is the sign after "#".
  return { pk, first: prefix, last: `${prefix.slice(0, -1)}$` };
}

/** A number in digits that sort as it does: the engine's smallest ranks are negative in no migration, but may be. */
export function ordinal(value: number): string {
  if (!Number.isInteger(value) || Math.abs(value) >= LIMIT) {
    throw new RangeError(`${value} is not an integer between -10^10 and 10^10`);
  }
  return String(LIMIT + value).padStart(11, "0");
}
