import type { Json, JsonObject } from "../../../json.ts";
import type { KeyLine, ObjectLine } from "./lines.ts";

/**
 * When an item is put back: 1 depends on nothing, 2 refers to rank 1 or to Nodes, 3 is IPAM and endpoints, 4 is admission, 5
 * are workloads. ClusterInformation, definitions and the APIService have stages of their own.
 */
export const RANKS = [1, 2, 3, 4, 5] as const;
export type ItemRank = (typeof RANKS)[number];

/** What kinds of items need a person's yes of their own: what says who has which address is old in every backup. */
export type Delicacy = "addresses";

/** One thing that a backup holds and a restore puts back. */
export interface Item<L = KeyLine | ObjectLine> {
  /** Names it on its side. */
  key: string;
  kind: string;
  rank: ItemRank;
  delicate?: Delicacy;
  line: L;
  /** True once the owners in the line are those of now. Without it, an object is written without owners. */
  withOwners?: boolean;
}

/** What is there now under an item's name. */
export interface Found {
  /** What has to be kept to put it back, as exact JSON text. */
  before: string;
  /** Tells whether somebody has written to it since. */
  version: string;
  /** The identity of an object; empty in etcd. */
  uid: string;
  /** A hash of what it means, but for its owners: these have other UIDs once they were created again. */
  hash: string;
  /** A hash of what it means, owners included. */
  exact: string;
  /** True for what this run has written, as far as the store tells; undefined where it cannot. */
  ours: boolean | undefined;
  /** Set for what is being deleted, with what holds it, for people: it is never as it shall be, and nothing can be put in its place. */
  leaving?: string;
}

/** What a write left there. */
export interface Written {
  uid: string;
  exact: string;
}

/** How the items of one side are read and written. Every write is bound to what was read: undefined when somebody was quicker. */
export interface Side<L extends KeyLine | ObjectLine = KeyLine | ObjectLine> {
  /** The item of a line of the backup; undefined for what is not put back by the sweep. Throws what is wrong with a line. */
  itemOf(line: Json): Item<L> | undefined;
  read(items: readonly Item<L>[]): Promise<Map<string, Found>>;
  /** The `hash` of what is there once the item is put back. */
  wants(item: Item<L>): string;
  put(item: Item<L>, found: Found | undefined): Promise<Written | undefined>;
  /** Asks whether the item could be put; throws the refusal. Absent on a side that cannot be asked. */
  rehearse?(item: Item<L>, found: Found | undefined): Promise<void>;
  /** Reads what has this key; undefined when nothing has. */
  find(key: string): Promise<Found | undefined>;
  putBack(key: string, before: string, found: Found): Promise<boolean>;
  remove(key: string, found: Found): Promise<boolean>;
  /**
   * Takes runs off the fields of what has this key, and gives the fields to whoever managed them. Absent on a side
   * without managed fields.
   */
  release?(key: string, managers: readonly JsonObject[]): Promise<void>;
  /** Every key of Calico's data that is there, a page at a time: of these resources, where the side has such. */
  present(resources: readonly string[]): AsyncIterable<Present[]>;
}

/** A key that is there. */
export interface Present extends Pick<Found, "leaving"> {
  key: string;
  kind: string;
}
