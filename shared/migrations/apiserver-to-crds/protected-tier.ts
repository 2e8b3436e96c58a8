import { PROTECTED_TIERS } from "../../calico/built-in.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { nativeDetailOf } from "./native-detail.ts";

/** Calico's admission policy `protect-builtin-tiers` lets nobody delete these; nothing reads them before the next migration. */
export function isProtectedTier(row: Checkpoint, error: unknown): boolean {
  const { kind, name } = nativeDetailOf(row);
  const refused = ["KUBERNETES_ADMISSION_DENIED", "KUBERNETES_INVALID", "KUBERNETES_FORBIDDEN"].some((code) =>
    isKubernetesError(error, code),
  );
  return refused && kind === "Tier" && PROTECTED_TIERS.has(name);
}
