import type { JsonObject } from "../../../json.ts";
import { orAbsent } from "../../../kubernetes/absent.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { Send, WriteOptions } from "../../../kubernetes/types.ts";
import { managersOfReferences } from "./managers.ts";
import {
  calicoReferences,
  type OwnedRecord,
  type OwnerOf,
  type OwnerReference,
  ownerReferences,
  referencesPatch,
  restoredReferences,
} from "./references.ts";

/** What became of an object whose references were to be taken off. */
export type ReleaseOutcome =
  /** It has none of the references to Calico objects (any more). */
  | { outcome: "released" }
  /** It was deleted, or another object has its name. */
  | { outcome: "gone" }
  /** It has references that the record does not know; nothing was written. Save this record, then release it. */
  | { outcome: "changed"; record: OwnedRecord };

/** What became of an object whose references were to be put back. */
export type RestoreOutcome =
  | { outcome: "gone" }
  | {
      outcome: "restored";
      /** References that stay off, because nobody knows their owner. */
      missing: OwnerReference[];
      /** References that are back, but not as the controller's: another object has become the controller meanwhile. */
      demoted: OwnerReference[];
    };

type Options = Pick<WriteOptions, "fieldManager" | "timeoutMs" | "dryRun">;

const maxTries = 5;

/**
 * Takes the recorded references to Calico objects off an object, and no others. The record must be saved before. Repeating it is
 * harmless. Throws what the API server says, KUBERNETES_CONFLICT when others write to the object all the time.
 */
export async function releaseOwners(
  send: Send,
  record: OwnedRecord,
  options: Options = {},
): Promise<ReleaseOutcome> {
  const known = new Set(record.references.map(({ reference }) => reference.uid));
  return untilUnchanged<ReleaseOutcome>(send, record, options, (object) => {
    const present = calicoReferences(object);
    if (present.length === 0) return { result: { outcome: "released" } };
    if (present.some(({ reference }) => !known.has(reference.uid))) {
      return { result: { outcome: "changed", record: merged(record, object, present) } };
    }
    const references = ownerReferences(object).filter(({ uid }) => !known.has(uid));
    return { references, result: { outcome: "released" } };
  });
}

/** Who the owners are, asked anew right before each write. */
export interface OwnersNow {
  now: () => Promise<OwnerOf>;
}

/**
 * Puts the recorded references back, each to the owner that `owners` names and with its flags; what others have added to
 * the object meanwhile stays. Repeating it, with the same owners, is harmless. To undo, each reference has its own owner.
 */
export async function restoreOwners(
  send: Send,
  record: OwnedRecord,
  owners: OwnerOf | OwnersNow,
  options: Options = {},
): Promise<RestoreOutcome> {
  return untilUnchanged<RestoreOutcome>(send, record, options, async (object) => {
    const ownerOf = typeof owners === "function" ? owners : await owners.now();
    const { references, missing, demoted } = restoredReferences(object, record.references, ownerOf);
    const result: RestoreOutcome = { outcome: "restored", missing, demoted };
    const isSame = JSON.stringify(references) === JSON.stringify(ownerReferences(object));
    return isSame ? { result } : { references, result };
  });
}

/** What to write, if anything, and what has become of the object then. */
interface Decision<R> {
  references?: OwnerReference[];
  result: R;
}

/** Decides on the object as read, and again when somebody wrote to it before the decision was carried out. */
async function untilUnchanged<R>(
  send: Send,
  record: OwnedRecord,
  options: Options,
  decide: (object: JsonObject) => Decision<R> | Promise<Decision<R>>,
): Promise<R | { outcome: "gone" }> {
  for (let attempt = 1; ; attempt++) {
    const object = await orAbsent(send((api) => api.get(record)));
    if (object === undefined || textAt(object, "metadata", "uid") !== record.uid) return { outcome: "gone" };
    const { references, result } = await decide(object);
    if (references === undefined) return result;
    const patch = referencesPatch(object, references);
    try {
      await send((api) => api.patch(record, patch, { ...options, type: "merge" }));
      return result;
    } catch (error) {
      if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return { outcome: "gone" };
      if (attempt >= maxTries || !isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
    }
  }
}

/** References that were taken off before are remembered with those that were found now. */
function merged(record: OwnedRecord, object: JsonObject, present: OwnedRecord["references"]): OwnedRecord {
  const found = new Set(present.map(({ reference }) => reference.uid));
  const before = record.references.filter(({ reference }) => !found.has(reference.uid));
  const references = [...before, ...present].sort((a, b) => a.at - b.at);
  const managers = [...(record.managers ?? []), ...managersOfReferences(object, present)];
  return { ...record, references, ...(managers.length > 0 && { managers }) };
}
