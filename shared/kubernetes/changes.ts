import { setTimeout as delay } from "node:timers/promises";
import { ChangeReader } from "./changes-reader.ts";
import { isKubernetesError, KubernetesApiError } from "./errors.ts";
import { describeSubject, requestSubject, resourcePath } from "./paths.ts";
import type { CallOptions, Changes, ChangesOptions, KubernetesApi, ResourceRef } from "./types.ts";

/** A watch of a resource, with bookmarks. */
export interface WatchRequest extends CallOptions {
  ref: ResourceRef;
  resourceVersion: string;
  /** When the server ends it. */
  timeoutSeconds: number;
  /** Gets each event, as the text of a JSON object; returns false when it has enough. */
  take: (event: string) => boolean;
}

/** How changes are asked for. */
export interface ChangesSource extends Pick<KubernetesApi, "list"> {
  /** Resolves when the server has ended the watch, or `take` has had enough. Throws what `take` throws. */
  watch(request: WatchRequest): Promise<void>;
}

const defaultTimeoutMs = 30_000;
/** The shortest watch that is sent a bookmark: it comes two seconds before the end (cacher, nextBookmarkTime). */
const watchSeconds = 3;
/** On top of the watch's own time, for its answer to begin and end. */
const graceMs = 10_000;
/** Connections that may break in a row. */
const maxBreaks = 5;
const pauseMs = 100;

/**
 * What `KubernetesApi.changes` promises, made of a watch from the version given.
 *
 * A watch tells all events of a resource after its version, in order, and none twice; but not when it has told all there
 * are, and it is served out of memory that may lag behind etcd, in each API server for itself. So the present version R
 * is read first, from etcd, and the watch is followed until the same stream proves that it has passed R: by an event, or by
 * a bookmark, at R or later. (A bookmark of version B is sent after all events up to B: k8s.io/apiserver, cacher.go,
 * dispatchEvents.) A version counts every write to the cluster, so the memory of a quiet resource learns of R
 * only when etcd is asked for its progress; a read that is not to be older than R makes the API server ask.
 */
export async function readChanges(
  source: ChangesSource,
  ref: ResourceRef,
  options: ChangesOptions,
): Promise<Changes> {
  const { resourceVersion, limit, timeoutMs = defaultTimeoutMs, signal } = options;
  const until = performance.now() + timeoutMs;
  const present = await source.list(ref, { limit: 1, metadataOnly: true, signal });
  const reader = new ChangeReader({ ref, from: resourceVersion, goal: present.resourceVersion, limit });
  let breaks = 0;
  while (!reader.enough) {
    const left = until - performance.now();
    if (left <= 0) throw unproven(ref, resourceVersion);
    const before = reader.version;
    try {
      await askForProgress(source, ref, present.resourceVersion, { signal, timeoutMs: left });
      await follow(source, ref, reader, signal);
      breaks = 0;
    } catch (error) {
      if (!isBroken(error) || ++breaks > maxBreaks) throw error;
    }
    // A watch may be ended at once, as while the API server starts.
    if (reader.version === before) await delay(pauseMs, undefined, { signal });
  }
  return reader.result();
}

async function follow(
  source: ChangesSource,
  ref: ResourceRef,
  reader: ChangeReader,
  signal: AbortSignal | undefined,
): Promise<void> {
  await source.watch({
    ref,
    resourceVersion: reader.version,
    timeoutSeconds: watchSeconds,
    take: (event) => reader.take(event),
    signal,
    timeoutMs: watchSeconds * 1000 + graceMs,
  });
}

/** An answer is not needed; a server that cannot learn of this version in time may still tell so by the watch. */
async function askForProgress(
  source: ChangesSource,
  ref: ResourceRef,
  version: string,
  call: CallOptions,
): Promise<void> {
  try {
    // No object has this name, so that the answer is empty; a limit would send the read to etcd.
    const fieldSelector = "metadata.name=calico-migrator.progress";
    await source.list(ref, { ...call, fieldSelector, notOlderThan: version, metadataOnly: true });
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_TIMEOUT")) throw error;
  }
}

function isBroken(error: unknown): boolean {
  return (
    isKubernetesError(error, "KUBERNETES_CONNECTION_LOST") ||
    isKubernetesError(error, "KUBERNETES_UNREACHABLE")
  );
}

function unproven(ref: ResourceRef, version: string): KubernetesApiError {
  const subject = { ...requestSubject("GET", resourcePath(ref)), verb: "watch" };
  return new KubernetesApiError(
    "KUBERNETES_EXPIRED",
    `${describeSubject(subject)}: the API server did not tell in time whether there are more changes after version ${version}`,
    {
      next: "`resume`, or run the command again: everything is listed and compared then.",
      details: { ...subject },
    },
  );
}
