/**
 * One key of etcd with what etcd knows about it. Revisions are plain numbers: etcd counts writes from 1, and
 * 2^53 writes are out of reach.
 *
 * Keys are UTF-8 text, as all of Calico's are. `value` may share memory with the other values of the same answer:
 * copy it before keeping it for long.
 */
export interface EtcdKeyValue {
  readonly key: string;
  /** The stored bytes; empty when only keys were asked for. */
  readonly value: Buffer;
  /** The revision of the last write of this key. */
  readonly modRevision: number;
  /** The revision at which the key last came into being. */
  readonly createRevision: number;
  /** How many writes the key has had since then; 1 for a fresh key. */
  readonly version: number;
}

/** What one member says about itself and its cluster. */
export interface EtcdStatus {
  /** The newest revision this member has applied. To pin a revision, prefer that of {@link CalicoEtcd.range}. */
  readonly revision: number;
  /** The member's version, for example `3.6.16`. */
  readonly version: string;
  /** True when the cluster has a leader, as far as this member knows. */
  readonly leader: boolean;
  /** Bytes the member's database takes on disk. */
  readonly dbSize: number;
}

/** A read of the keys `from <= key < to`, in byte order. */
export interface EtcdRangeQuery {
  readonly from: string;
  /** The first key not to read. See `prefixEnd` for reading a prefix. */
  readonly to: string;
  /** Read as of this revision; the newest one by default. */
  readonly revision?: number;
  /** The most keys to return; all by default. */
  readonly limit?: number;
  /** Leave the values out. Default false. */
  readonly keysOnly?: boolean;
}

/** The answer to an {@link EtcdRangeQuery}. */
export interface EtcdRange {
  readonly kvs: EtcdKeyValue[];
  /** True when the limit left keys out. */
  readonly more: boolean;
  /** The revision that `kvs` is the state of: the one asked for, or the newest. */
  readonly revision: number;
}

/** A walk over all keys under a prefix as they were at one revision. */
export interface EtcdPagesQuery {
  readonly prefix: string;
  readonly revision: number;
  /** Keys per page, at least 1. Only one page is held at a time. */
  readonly pageSize: number;
}

/** A write on condition of what the key holds now: a revision, nothing (`absent`), or whatever it is (`any`). */
export interface EtcdCompareAndPut {
  readonly key: string;
  readonly expectedModRevision: number | "absent" | "any";
  readonly value: Buffer | string;
}

/** A deletion on condition of what the key holds now. With `any`, deleting an absent key succeeds and writes nothing. */
export interface EtcdCompareAndDelete {
  readonly key: string;
  readonly expectedModRevision: number | "any";
}

/** What became of a conditional write. */
export interface EtcdWriteResult {
  /** True when the condition held, so the write was made. */
  readonly applied: boolean;
  /** The revision of the write, or the newest revision when nothing was written. */
  readonly revision: number;
  /** When not applied: what the key holds instead; missing when it does not exist. */
  readonly current?: EtcdKeyValue;
}

/** One event of etcd's history. */
export type EtcdChange =
  | { readonly type: "put"; readonly key: string; readonly value: Buffer; readonly modRevision: number }
  | { readonly type: "delete"; readonly key: string; readonly modRevision: number };

/** A stretch of the history of the keys under a prefix: `afterRevision < modRevision <= throughRevision`. */
export interface EtcdChangesQuery {
  readonly prefix: string;
  readonly afterRevision: number;
  /** Must be the revision of a write under the prefix (a sentinel), so that the stream is sure to reach it. */
  readonly throughRevision: number;
  /** Ends the stream early, by throwing the signal's reason. */
  readonly signal?: AbortSignal;
  /** How long to wait for etcd between two answers, lost connections included. Default 30,000 ms. */
  readonly idleTimeoutMs?: number;
}

/**
 * Calico's etcd keyspace: what a migration needs of etcd, and no more.
 *
 * Every call ends within the client's deadline. All methods throw `MigratorError`s with the codes ETCD_UNREACHABLE,
 * ETCD_TIMEOUT and ETCD_NO_LEADER (retryable), ETCD_TLS, ETCD_AUTH, ETCD_COMPACTED and ETCD_FAILED (not retryable).
 */
export interface CalicoEtcd {
  status(): Promise<EtcdStatus>;

  /**
   * The oldest revision that can still be read; 0 when nothing was ever compacted.
   * `changes` needs an `afterRevision` at or above it.
   */
  compactRevision(): Promise<number>;

  /** Reads a range of keys, linearizably. Throws `EtcdCompactedError` for a revision that is gone. */
  range(query: EtcdRangeQuery): Promise<EtcdRange>;

  /**
   * All keys under the prefix as of the one revision, in byte order, page by page, whatever is written meanwhile.
   * Yields no empty page. Throws `EtcdCompactedError` when the revision is compacted before the end.
   */
  pages(query: EtcdPagesQuery): AsyncIterable<EtcdKeyValue[]>;

  /**
   * The keys that exist among those given. All are read at the revision when there is one; without one, each group
   * of up to 100 keys (in the given order) is consistent in itself.
   */
  getMany(keys: readonly string[], revision?: number): Promise<Map<string, EtcdKeyValue>>;

  /**
   * Puts when the condition holds. Never repeated after a failure that leaves its outcome open: such a call throws
   * a retryable error, and the caller reads the key before trying again. A lease on the key ends.
   */
  compareAndPut(request: EtcdCompareAndPut): Promise<EtcdWriteResult>;

  /**
   * Asks whether the user may write all of these keys, up to 100, and writes nothing: etcd judges the rights of all that a
   * transaction may do, and the condition of this one never holds. Throws ETCD_AUTH.
   */
  tryPuts(keys: readonly string[]): Promise<void>;

  /** Deletes when the condition holds; as careful about repeating as {@link CalicoEtcd.compareAndPut}. */
  compareAndDelete(request: EtcdCompareAndDelete): Promise<EtcdWriteResult>;

  /**
   * Every put and delete under the prefix in the stretch, once each, in order, across lost connections; then it
   * ends. What is not consumed stays in etcd: at most a few megabytes are buffered here. Throws
   * `EtcdCompactedError` when part of the stretch is gone (nothing more is yielded then), and ETCD_TIMEOUT.
   */
  changes(query: EtcdChangesQuery): AsyncIterable<EtcdChange>;

  /** Frees the connections; calls in flight and later ones fail. */
  close(): void;
}
