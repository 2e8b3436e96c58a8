import type { Etcd3, IRangeRequest, IRangeResponse, IRequestOp, ITxnResponse, IWatchResponse } from "etcd3";
import { isRetryable, MigratorError } from "../errors.ts";
import type { CallOptions } from "./call-options.ts";
import { assertNotCancelled, followChanges, type WatchSource } from "./changes.ts";
import type { EtcdConnection } from "./config.ts";
import { Endpoint } from "./endpoint.ts";
import { EtcdCompactedError, isCompacted } from "./errors.ts";
import { Failover, type Repeatable } from "./failover.ts";
import { keyAfter, prefixEnd, rangeStart } from "./keys.ts";
import { Login } from "./login.ts";
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
} from "./types.ts";
import {
  conditions,
  foundKeys,
  getOperation,
  headerRevision,
  keyValue,
  neverHolds,
  writeResult,
} from "./wire.ts";

const DEFAULT_TIMEOUT_MS = 10_000;
/** etcd allows 128 operations per transaction unless told otherwise. */
const KEYS_PER_TRANSACTION = 100;
/** Where Calico keeps everything; a user of etcd may be confined to it. */
const CALICO_PREFIX = "/calico/";

/** The settings of an {@link EtcdClient} that are not of the connection. */
export interface EtcdClientOptions {
  /** The most one call may take, connecting and repeating included. Default 10,000 ms. */
  readonly timeoutMs?: number;
  /**
   * Where to connect to instead of resolving the names of endpoints: by endpoint, every address that was found and judged.
   * An endpoint that is not in it is left out.
   */
  readonly addresses?: ReadonlyMap<string, readonly string[]>;
}

/** {@link CalicoEtcd} over the etcd v3 API. One dead endpoint of several fails no call. */
export class EtcdClient implements CalicoEtcd {
  readonly #endpoints: readonly [Endpoint, ...Endpoint[]];
  readonly #failover: Failover<Endpoint>;
  readonly #timeoutMs: number;
  readonly #watchSource: WatchSource;

  private constructor(endpoints: readonly [Endpoint, ...Endpoint[]], timeoutMs: number) {
    this.#endpoints = endpoints;
    this.#timeoutMs = timeoutMs;
    this.#failover = new Failover(endpoints, timeoutMs);
    this.#watchSource = {
      assertReadable: async (prefix, revision) => {
        if (revision > 0)
          await this.range({ from: prefix, to: prefixEnd(prefix), revision, limit: 1, keysOnly: true });
      },
      watch: (request, wait) => this.#watch(request, wait),
    };
  }

  /**
   * Prepares a client; connects with the first call. Throws ETCD_UNREACHABLE (retryable) where `addresses` has none for any
   * endpoint.
   */
  static connect(connection: EtcdConnection, options: EtcdClientOptions = {}): EtcdClient {
    const login = connection.login && new Login(connection.login);
    const [first, ...others] = connection.endpoints.flatMap((url) => {
      if (options.addresses === undefined) return new Endpoint(url, connection, login);
      const found = options.addresses.get(url) ?? [];
      return found.map((address) => new Endpoint(url, connection, login, address));
    });
    if (first === undefined) throw unresolved(connection.endpoints);
    return new EtcdClient([first, ...others], options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  async status(): Promise<EtcdStatus> {
    const status = await this.#failover.run("repeatable", (endpoint, deadline) =>
      endpoint.call(deadline, (etcd, options) => etcd.maintenance.status(options), false),
    );
    return {
      revision: headerRevision(status),
      version: status.version,
      leader: status.leader !== "0",
      dbSize: Number(status.dbSize),
    };
  }

  async compactRevision(): Promise<number> {
    try {
      await this.range({
        from: CALICO_PREFIX,
        to: prefixEnd(CALICO_PREFIX),
        revision: 1,
        limit: 1,
        keysOnly: true,
      });
      return 0;
    } catch (error) {
      if (error instanceof EtcdCompactedError) return error.compactRevision;
      throw error;
    }
  }

  async range(query: EtcdRangeQuery): Promise<EtcdRange> {
    const response = await this.#range({
      key: rangeStart(query.from),
      range_end: Buffer.from(query.to),
      ...(query.revision !== undefined && { revision: query.revision }),
      ...(query.limit !== undefined && { limit: query.limit }),
      ...(query.keysOnly === true && { keys_only: true }),
    });
    return {
      kvs: response.kvs.map(keyValue),
      more: response.more,
      revision: query.revision ?? headerRevision(response),
    };
  }

  async *pages({ prefix, revision, pageSize }: EtcdPagesQuery): AsyncGenerator<EtcdKeyValue[], void> {
    if (!(pageSize >= 1)) throw new RangeError(`pageSize must be at least 1, not ${pageSize}`);
    const end = Buffer.from(prefixEnd(prefix));
    let next: Buffer | undefined = rangeStart(prefix);
    while (next !== undefined) {
      const page: IRangeResponse = await this.#range({
        key: next,
        range_end: end,
        revision,
        limit: pageSize,
      });
      if (page.kvs.length > 0) yield page.kvs.map(keyValue);
      const last = page.kvs.at(-1);
      next = page.more && last !== undefined ? keyAfter(last.key) : undefined;
    }
  }

  async getMany(keys: readonly string[], revision?: number): Promise<Map<string, EtcdKeyValue>> {
    const found = new Map<string, EtcdKeyValue>();
    const distinct = [...new Set(keys)];
    for (let start = 0; start < distinct.length; start += KEYS_PER_TRANSACTION) {
      const group = distinct.slice(start, start + KEYS_PER_TRANSACTION);
      const reads = group.map((key) => getOperation(key, revision));
      for (const kv of foundKeys(await this.#readTransaction(reads))) found.set(kv.key, kv);
    }
    return found;
  }

  compareAndPut({ key, expectedModRevision, value }: EtcdCompareAndPut): Promise<EtcdWriteResult> {
    const put = { request_put: { key: Buffer.from(key), value: Buffer.from(value) } };
    return this.#write(key, expectedModRevision, put);
  }

  async tryPuts(keys: readonly string[]): Promise<void> {
    const success = keys.map((key) => ({ request_put: { key: Buffer.from(key), value: Buffer.of() } }));
    const compare = [neverHolds(keys[0] ?? CALICO_PREFIX)];
    await this.#call("repeatable", (etcd, options) => etcd.kv.txn({ compare, success }, options));
  }

  compareAndDelete({ key, expectedModRevision }: EtcdCompareAndDelete): Promise<EtcdWriteResult> {
    return this.#write(key, expectedModRevision, { request_delete_range: { key: Buffer.from(key) } });
  }

  changes(query: EtcdChangesQuery): AsyncGenerator<EtcdChange, void> {
    return followChanges(this.#watchSource, query);
  }

  close(): void {
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  #range(request: IRangeRequest & { key: Buffer }): Promise<IRangeResponse> {
    const revision = request.revision === undefined ? undefined : Number(request.revision);
    return this.#read(request.key, revision, (etcd, options) => etcd.kv.range(request, options));
  }

  #readTransaction(reads: readonly IRequestOp[]): Promise<ITxnResponse> {
    const { key, revision } = reads[0]?.request_range ?? {};
    return this.#read(
      key ?? Buffer.of(0),
      revision === undefined ? undefined : Number(revision),
      (etcd, options) => etcd.kv.txn({ success: [...reads] }, options),
    );
  }

  async #read<T>(key: Buffer, revision: number | undefined, perform: Perform<T>): Promise<T> {
    try {
      return await this.#call("repeatable", perform);
    } catch (error) {
      if (revision !== undefined && isCompacted(error)) await this.#throwCompacted(key, revision);
      throw error;
    }
  }

  /** A refused read does not say what can still be read; a watch from the same revision is refused with it. */
  async #throwCompacted(key: Buffer, revision: number): Promise<void> {
    const answers = this.#watch({ key, start_revision: revision }, { timeoutMs: this.#timeoutMs });
    for await (const answer of answers) assertNotCancelled(answer, revision);
  }

  async #write(
    key: string,
    expected: number | "absent" | "any",
    write: IRequestOp,
  ): Promise<EtcdWriteResult> {
    const response = await this.#call("once", (etcd, options) =>
      etcd.kv.txn(
        { compare: conditions(key, expected), success: [write], failure: [getOperation(key, undefined)] },
        options,
      ),
    );
    return writeResult(response);
  }

  #call<T>(repeatable: Repeatable, perform: Perform<T>): Promise<T> {
    return this.#failover.run(repeatable, (endpoint, deadline) => endpoint.call(deadline, perform));
  }

  async *#watch(...[request, wait]: Parameters<WatchSource["watch"]>): AsyncGenerator<IWatchResponse, void> {
    const endpoint = await this.#failover.run("repeatable", (ready) => Promise.resolve(ready));
    try {
      yield* endpoint.watch(request, wait);
    } catch (error) {
      if (isRetryable(error)) this.#failover.leave(endpoint);
      throw error;
    }
  }
}

type Perform<T> = (etcd: Etcd3, options: CallOptions) => Promise<T>;

function unresolved(endpoints: readonly string[]): MigratorError {
  const message = `the names of etcd's endpoints lead to no address: ${endpoints.join(", ")}`;
  return new MigratorError("ETCD_UNREACHABLE", message, {
    next: "Correct the endpoints, or the DNS of where this runs.",
    retryable: true,
    details: { endpoints: [...endpoints] },
  });
}
