import { kindInfo, targetKind, type TargetGroup } from "../../calico/kinds.ts";
import type { TargetRef } from "../../calico/target.ts";
import { type LockedSide, setReady, type TellLock } from "../target/lock.ts";
import type { Context } from "./context.ts";

/** The target's ClusterInformation, which says whether the datastore may be used. */
export function clusterInformationRef(targetGroup: TargetGroup): TargetRef {
  return { ...targetKind(kindInfo("ClusterInformation"), targetGroup), name: "default" };
}

const TARGET: LockedSide = { name: "the target", lockedByOther: "TARGET_LOCKED_BY_OTHER" };

/** What is locked before the unlock, and what is on the late way back, in words for people. */
export const LOCKED = {
  both: "etcd and the Kubernetes datastore",
  target: "the Kubernetes datastore",
} as const;

/** Locks or unlocks the target, and reads it back. Promises and throws what `setReady` does, TARGET_LOCKED_BY_OTHER. */
export async function setTargetReady(
  context: Context,
  targetGroup: TargetGroup,
  ready: boolean,
  tell?: TellLock,
): Promise<void> {
  await setReady(context, clusterInformationRef(targetGroup), ready, TARGET, tell);
}
