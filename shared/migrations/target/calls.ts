import { setTimeout as sleep } from "node:timers/promises";
import { isRetryable } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import type { AdaptiveLimiter } from "../../kubernetes/limiter.ts";
import { type AfterExpiry, pageAfterPause } from "../../kubernetes/pages.ts";
import type { ListOptions, ListPage, ObjectRef, ResourceRef } from "../../kubernetes/types.ts";
import type { AnyContext } from "../context.ts";

const TRIES = 4;
const FIRST_DELAY_MS = 100;
const CONTESTED_TRIES = 6;
const CONTESTED_REST_MS = 50;

/**
 * How long a write may be under way. Shorter than a lease, so that no write of a worker that lost its lease is still on
 * its way long after; and not cut short by an interrupt, so that its outcome is known and recorded. Milliseconds.
 */
export const WRITE_TIMEOUT_MS = 10_000;

/**
 * Sends one request when the limiter lets it, and again a few times when that may help. The request must be safe to
 * repeat: its effect is recognised when it had happened already. Throws what the last try threw.
 */
export function call<T>(context: AnyContext, request: () => Promise<T>): Promise<T> {
  const held = (): Promise<T> => {
    context.ensureHeld();
    return request();
  };
  return inTurn(context.connections.limiter, held, context.signal);
}

/** As `call`, for whoever looks at a cluster and needs no lease for that. */
export async function inTurn<T>(
  limiter: AdaptiveLimiter,
  request: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await limiter.run(request, signal);
    } catch (error) {
      if (attempt >= TRIES || !isRetryable(error)) throw error;
      await sleep(FIRST_DELAY_MS * 2 ** (attempt - 1), undefined, { signal });
    }
  }
}

/**
 * Sends a write that names no version of the object, or a dry run, and again while others write at the same moment: to the object,
 * or to a quota of its namespace. Throws what the last try threw.
 */
export async function callOverConflicts<T>(context: AnyContext, request: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(context, request);
    } catch (error) {
      if (attempt >= CONTESTED_TRIES || !isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
      await sleep(attempt * CONTESTED_REST_MS, undefined, { signal: context.signal });
    }
  }
}

/** Reads an object of the target; undefined when it is not there. */
export async function readTarget(context: AnyContext, ref: ObjectRef): Promise<JsonObject | undefined> {
  const { signal } = context;
  return orAbsent(call(context, () => context.connections.kubernetes.get(ref, { signal })));
}

/** One page of a list that may have been interrupted for as long as a run is paused. */
export function listPage(
  context: AnyContext,
  ref: ResourceRef,
  options: Pick<ListOptions, "limit" | "continueToken" | "metadataOnly" | "notOlderThan">,
  expired: AfterExpiry,
): Promise<ListPage> {
  const { signal, connections } = context;
  const list = (continueToken: string | undefined): Promise<ListPage> =>
    call(context, () => connections.kubernetes.list(ref, { ...options, continueToken, signal }));
  return pageAfterPause(list, options.continueToken, expired);
}

/** Turns "not found" into undefined. */
export async function orAbsent<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return undefined;
    throw error;
  }
}

/**
 * Deletes an object, if it is still the one with this UID; one that is gone or was replaced by another is left alone. Gives
 * the object while finalizers hold it.
 */
export async function deleteTarget(
  context: AnyContext,
  ref: ObjectRef,
  uid: string,
): Promise<JsonObject | undefined> {
  const { kubernetes } = context.connections;
  const options = { uid, propagationPolicy: "Background", timeoutMs: WRITE_TIMEOUT_MS } as const;
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await call(context, () => kubernetes.delete(ref, options));
      return answer["kind"] === "Status" ? undefined : answer;
    } catch (error) {
      if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return undefined;
      if (attempt >= TRIES || !isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
    }
    // A conflict says that another has the name now, or only that somebody wrote to it at the same moment.
    const found = await readTarget(context, ref);
    if (found === undefined || textAt(found, "metadata", "uid") !== uid) return undefined;
  }
}

/**
 * As `deleteTarget`, for a copy: the finalizers that it was copied with, or got since, belong to components that see it no
 * more and would hold it for ever, so they are taken off.
 */
export async function deleteCopy(context: AnyContext, ref: ObjectRef, uid: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const held = await deleteTarget(context, ref, uid);
    if (held === undefined || !("finalizers" in objectAt(held, "metadata"))) return;
    try {
      await orAbsent(call(context, () => release(context, ref, held)));
      return;
    } catch (error) {
      // Somebody has written to it at the same moment.
      if (attempt >= TRIES || !isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
    }
  }
}

function release({ connections }: AnyContext, ref: ObjectRef, held: JsonObject): Promise<JsonObject> {
  const { finalizers: _off, ...metadata } = objectAt(held, "metadata");
  return connections.kubernetes.replace(ref, { ...held, metadata }, { timeoutMs: WRITE_TIMEOUT_MS });
}
