import { setTimeout as sleep } from "node:timers/promises";
import type { IWatchCreateRequest, IWatchResponse } from "etcd3";
import { isRetryable, MigratorError } from "../errors.ts";
import { ChangeCursor } from "./change-cursor.ts";
import { EtcdCompactedError, toEtcdError } from "./errors.ts";
import { prefixEnd, rangeStart } from "./keys.ts";
import type { StreamWait } from "./read-stream.ts";
import type { EtcdChange, EtcdChangesQuery } from "./types.ts";

const DEFAULT_IDLE_MS = 30_000;
const PAUSE_MS = 200;

/** What the following of changes needs of a client. */
export interface WatchSource {
  /** Throws `EtcdCompactedError` unless the prefix can be read as of the revision. */
  assertReadable(prefix: string, revision: number): Promise<void>;
  /** Opens one watch on one endpoint; ends or throws when that is lost. */
  watch(request: IWatchCreateRequest, wait: StreamWait): AsyncIterable<IWatchResponse>;
}

/** The changes of the stretch, as `CalicoEtcd.changes` promises them, over as many watches as it takes. */
export async function* followChanges(
  source: WatchSource,
  query: EtcdChangesQuery,
): AsyncGenerator<EtcdChange, void> {
  const cursor = new ChangeCursor(query.afterRevision, query.throughRevision);
  const patience = new Patience(query.idleTimeoutMs ?? DEFAULT_IDLE_MS);
  while (!cursor.isDone()) {
    query.signal?.throwIfAborted();
    let failure: unknown;
    try {
      for await (const response of watchOnce(source, query, cursor, patience)) {
        yield* cursor.accept(response);
        patience.renew();
        if (cursor.isDone()) return;
      }
    } catch (error) {
      query.signal?.throwIfAborted();
      if (!isRetryable(error)) throw error;
      failure = error;
    }
    patience.assertSome(cursor.complete, query.throughRevision, failure);
    await sleep(PAUSE_MS);
  }
}

async function* watchOnce(
  source: WatchSource,
  query: EtcdChangesQuery,
  cursor: ChangeCursor,
  patience: Patience,
): AsyncGenerator<IWatchResponse, void> {
  const after = cursor.complete;
  // A watch from the very revision of the compaction is let through, although etcd before 3.5.18 forgets the
  // deletions of that revision; so what comes before the first event must be readable as well.
  await source.assertReadable(query.prefix, after);
  cursor.restart();
  const request = watchRequest(query.prefix, after + 1);
  for await (const response of source.watch(request, patience.wait(query.signal))) {
    assertNotCancelled(response, after + 1);
    if (response.events.length > 0) yield response;
  }
}

function watchRequest(prefix: string, startRevision: number): IWatchCreateRequest {
  return {
    key: rangeStart(prefix),
    range_end: Buffer.from(prefixEnd(prefix)),
    start_revision: startRevision,
    fragment: true,
  };
}

/** Throws when etcd ends a watch by itself: `EtcdCompactedError`, or what its reason means. */
export function assertNotCancelled(response: IWatchResponse, startRevision: number): void {
  if (!response.canceled) return;
  const compactRevision = Number(response.compact_revision);
  if (compactRevision > 0) throw new EtcdCompactedError(startRevision, compactRevision);
  throw toEtcdError(new Error(`the watch was cancelled: ${response.cancel_reason}`), "etcd");
}

/** The time that may pass without an event while events are awaited; a slow consumer does not use it up. */
class Patience {
  readonly #idleMs: number;
  #until: number;

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
    this.#until = performance.now() + idleMs;
  }

  renew(): void {
    this.#until = performance.now() + this.#idleMs;
  }

  wait(signal: AbortSignal | undefined): StreamWait {
    return { timeoutMs: this.#idleMs, ...(signal && { signal }) };
  }

  assertSome(reached: number, wanted: number, cause: unknown): void {
    if (performance.now() < this.#until) return;
    throw new MigratorError(
      "ETCD_TIMEOUT",
      `etcd's changes came as far as revision ${reached}, not to ${wanted}, and then nothing for ${this.#idleMs} ms`,
      {
        next: "Try again; if it lasts, look at the health of the etcd cluster.",
        retryable: true,
        details: { reached, wanted },
        cause,
      },
    );
  }
}
