import { isKubernetesError } from "./errors.ts";

/** Turns "not found" into undefined. */
export async function orAbsent<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return undefined;
    throw error;
  }
}
