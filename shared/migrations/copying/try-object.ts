import { differences } from "../../calico/differences.ts";
import type { TargetObject, TargetRef } from "../../calico/target.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError, KubernetesApiError } from "../../kubernetes/errors.ts";
import { errorMessage, isRetryable } from "../../errors.ts";
import { type AnyContext, fieldManager } from "../context.ts";
import { callOverConflicts, WRITE_TIMEOUT_MS } from "../target/calls.ts";
import { isUntriable } from "../target/rehearse.ts";

/** What the API server says of an object that is not created yet. */
export type Trial =
  | { outcome: "accepted"; isThere?: true }
  | { outcome: "refused"; code: string; reason: string }
  /** It cannot judge without writing. */
  | { outcome: "untried"; reason: string };

/** An object to be tried. */
interface Tried {
  target: TargetRef;
  object: TargetObject;
  /** As the API server will give it back: with its defaults. */
  expected: JsonObject;
  meaning: (object: JsonObject) => string;
  /** What the same etcd holds already of the same, as large as it is. */
  held?: JsonObject;
}

/**
 * What etcd takes in a write unless it was told otherwise (`--max-request-bytes`), without what goes around the object: a
 * dry run does not come as far as etcd. The API server leaves managedFields out where they alone make an object too large.
 */
const MOST_BYTES = 1_572_864 - 512;

const PATHS_NAMED = 10;

/** A write that is only judged: everything is asked that is asked for the write itself, admission policies and webhooks included. */
export function tryOptions(context: AnyContext): {
  dryRun: true;
  fieldManager: string;
  timeoutMs: number;
} {
  return { dryRun: true, fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
}

/**
 * Why an object, as the API server would store it, is too large for etcd; undefined where it is not. An etcd that holds a larger
 * one was told to take more.
 */
export function sizeFault(object: JsonObject, held?: JsonObject): string | undefined {
  const bytes = bytesOf(object);
  if (bytes <= MOST_BYTES) return undefined;
  const most = Math.max(MOST_BYTES, held === undefined ? 0 : bytesOf(held));
  return bytes > most ? `it has ${bytes} bytes, and etcd takes ${most} in a write` : undefined;
}

function bytesOf(object: JsonObject): number {
  return Buffer.byteLength(JSON.stringify(object));
}

/**
 * Lets the API server judge the creation of an object by a dry run, and compares what it would store with what is expected:
 * admission of the cluster may change it. Throws what may pass.
 */
export async function tryCreate(context: AnyContext, tried: Tried): Promise<Trial> {
  const tooLarge = sizeFault(tried.expected, tried.held);
  if (tooLarge !== undefined) return refused("KUBERNETES_TOO_LARGE", tooLarge);
  const { kubernetes } = context.connections;
  const options = { ...tryOptions(context), fieldValidation: "Strict" } as const;
  try {
    const answer = await callOverConflicts(context, () =>
      kubernetes.create(tried.target, tried.object, options),
    );
    return judge(tried, answer);
  } catch (error) {
    return trialOf(error);
  }
}

/** What an error of a dry run says of the write. Throws what may pass. */
export function trialOf(error: unknown): Trial {
  // What is there already is judged before that is noticed.
  if (isKubernetesError(error, "KUBERNETES_ALREADY_EXISTS")) return { outcome: "accepted", isThere: true };
  if (!(error instanceof KubernetesApiError) || isRetryable(error)) throw error;
  if (error.status < 400 || error.status > 599) throw error;
  // Whoever writes at the same moment is dealt with by the write itself.
  if (isUntriable(error) || error.code === "KUBERNETES_CONFLICT")
    return { outcome: "untried", reason: errorMessage(error) };
  return refused(error.code, errorMessage(error));
}

function judge({ expected, meaning }: Tried, answer: JsonObject): Trial {
  if (meaning(expected) === meaning(answer)) return { outcome: "accepted" };
  const paths = differences(expected, answer, { limit: PATHS_NAMED }).map(({ path }) => path);
  return refused(
    "CHANGED_BY_ADMISSION",
    `an admission policy or webhook of the cluster, or the CRD itself, changes it on its way: ${paths.join(", ")}`,
  );
}

function refused(code: string, reason: string): Trial {
  return { outcome: "refused", code, reason };
}
