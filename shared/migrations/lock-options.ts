import { z } from "zod";
import { DEFAULT_LOCK_POLICY, type LockPolicy } from "../engine/lock.ts";

/** Options of every migration that locks the datastore: what becomes of a run when that lasts too long, or when it fails meanwhile. */
export const LOCK_OPTIONS = {
  /** How long the datastore may be locked. Milliseconds. */
  maxLockMs: z.int().min(1000).max(86_400_000).default(DEFAULT_LOCK_POLICY.maxLockMs),
  /** What to do when it is locked for longer. */
  onLockBudget: z.enum(["rollback", "warn"]).default(DEFAULT_LOCK_POLICY.onBudget),
  /** What to do when the run fails meanwhile, before the unlock. */
  onLockFailure: z.enum(["rollback", "hold"]).default(DEFAULT_LOCK_POLICY.onFailure),
};

const LockOptions = z.object(LOCK_OPTIONS);

/** The policy that a run's options name. Runs of versions that had none go by the defaults. */
export function lockPolicy(options: object): LockPolicy {
  const { maxLockMs, onLockBudget: onBudget, onLockFailure: onFailure } = LockOptions.parse(options);
  return { maxLockMs, onBudget, onFailure };
}
