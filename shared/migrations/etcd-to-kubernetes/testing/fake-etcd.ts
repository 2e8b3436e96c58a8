import { EtcdCompactedError } from "../../../etcd/errors.ts";
import { prefixEnd } from "../../../etcd/keys.ts";
import type {
  CalicoEtcd,
  EtcdChange,
  EtcdChangesQuery,
  EtcdCompareAndDelete,
  EtcdCompareAndPut,
  EtcdKeyValue,
  EtcdPagesQuery,
  EtcdRange,
  EtcdRangeQuery,
  EtcdStatus,
  EtcdWriteResult,
} from "../../../etcd/types.ts";
import { hooked, type WriteHooks } from "../../testing/write-hooks.ts";

/** An etcd in memory: revisions, history, compaction, conditional writes. */
export class FakeEtcd implements CalicoEtcd {
  /** Around the writes of a migration; those of `put` and `delete` are a user's. */
  readonly hooks: WriteHooks = {};
  readonly #history: EtcdChange[] = [];
  #revision = 1;
  #compacted = 0;

  /** A user's write. */
  put(key: string, value: string): number {
    this.#revision++;
    this.#history.push({ type: "put", key, value: Buffer.from(value), modRevision: this.#revision });
    return this.#revision;
  }

  /** A user's deletion. */
  delete(key: string): number {
    if (!this.#at(this.#revision).has(key)) return this.#revision;
    this.#revision++;
    this.#history.push({ type: "delete", key, modRevision: this.#revision });
    return this.#revision;
  }

  /** Forgets the history before a revision; the newest one by default. */
  compact(revision = this.#revision): void {
    this.#compacted = revision;
  }

  /** The newest value of every key, as text. */
  dump(): Record<string, string> {
    return Object.fromEntries([...this.#at(this.#revision)].map(([key, kv]) => [key, kv.value.toString()]));
  }

  status(): Promise<EtcdStatus> {
    return Promise.resolve({ revision: this.#revision, version: "3.6.16", leader: true, dbSize: 0 });
  }

  compactRevision(): Promise<number> {
    return Promise.resolve(this.#compacted);
  }

  async range(query: EtcdRangeQuery): Promise<EtcdRange> {
    const revision = query.revision ?? this.#revision;
    const all = [...(await this.#read(revision)).values()].filter(
      ({ key }) => key >= query.from && key < query.to,
    );
    const kvs = all.slice(0, query.limit ?? all.length);
    return { kvs, more: kvs.length < all.length, revision };
  }

  async *pages(query: EtcdPagesQuery): AsyncGenerator<EtcdKeyValue[]> {
    const { prefix, revision, pageSize } = query;
    const { kvs } = await this.range({ from: prefix, to: prefixEnd(prefix), revision });
    for (let start = 0; start < kvs.length; start += pageSize) yield kvs.slice(start, start + pageSize);
  }

  async getMany(keys: readonly string[], revision = this.#revision): Promise<Map<string, EtcdKeyValue>> {
    const all = await this.#read(revision);
    return new Map(keys.flatMap((key) => [...[all.get(key) ?? []].flat()].map((kv) => [key, kv] as const)));
  }

  compareAndPut({ key, expectedModRevision, value }: EtcdCompareAndPut): Promise<EtcdWriteResult> {
    return hooked(this.hooks, `put ${key}`, () =>
      this.#when(key, expectedModRevision, () => this.put(key, value.toString())),
    );
  }

  /** Refused as the hook `dryRun` says. */
  async tryPuts(keys: readonly string[]): Promise<void> {
    await Promise.resolve();
    for (const key of keys) this.hooks.dryRun?.(`put ${key}`, {});
  }

  compareAndDelete({ key, expectedModRevision }: EtcdCompareAndDelete): Promise<EtcdWriteResult> {
    return hooked(this.hooks, `delete ${key}`, () =>
      this.#when(key, expectedModRevision, () => this.delete(key)),
    );
  }

  async *changes({ prefix, afterRevision, throughRevision }: EtcdChangesQuery): AsyncGenerator<EtcdChange> {
    await Promise.resolve();
    if (afterRevision < this.#compacted) throw new EtcdCompactedError(afterRevision, this.#compacted);
    const wanted = ({ key, modRevision }: EtcdChange): boolean =>
      key.startsWith(prefix) && modRevision > afterRevision && modRevision <= throughRevision;
    yield* this.#history.filter(wanted);
  }

  close(): void {
    // Nothing to free.
  }

  #when(key: string, expected: number | "absent" | "any", write: () => number): EtcdWriteResult {
    const current = this.#at(this.#revision).get(key);
    const holds = expected === "any" || (current?.modRevision ?? "absent") === expected;
    if (holds) return { applied: true, revision: write() };
    return { applied: false, revision: this.#revision, ...(current === undefined ? {} : { current }) };
  }

  #read(revision: number): Promise<Map<string, EtcdKeyValue>> {
    if (revision < this.#compacted) return Promise.reject(new EtcdCompactedError(revision, this.#compacted));
    return Promise.resolve(this.#at(revision));
  }

  /** The state at a revision, in the order of its keys. */
  #at(revision: number): Map<string, EtcdKeyValue> {
    const state = new Map<string, EtcdKeyValue>();
    for (const change of this.#history) {
      if (change.modRevision > revision) break;
      if (change.type === "delete") state.delete(change.key);
      else state.set(change.key, grown(state.get(change.key), change));
    }
    return new Map([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function grown(before: EtcdKeyValue | undefined, change: EtcdChange & { type: "put" }): EtcdKeyValue {
  const { key, value, modRevision } = change;
  const createRevision = before?.createRevision ?? modRevision;
  return { key, value, modRevision, createRevision, version: (before?.version ?? 0) + 1 };
}
