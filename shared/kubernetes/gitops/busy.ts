import type { JsonObject } from "../../json.ts";
import { numberAt, objectsAt, textAt } from "../fields.ts";

/**
 * What a manager still does although it is paused: pausing keeps the tools from beginning, not from finishing. Undefined
 * when nothing shows that it does. A tool that was killed in the middle shows it for ever: wait with a deadline.
 *
 * - Argo CD: `operation`, a sync that is asked for, and `status.operationState.phase` (type OperationState)
 * - Flux: condition Reconciling with reason Progressing; ProgressingWithRetry only waits for the next try
 * - Fleet: `status.observedGeneration` behind, and a GitRepo's `status.gitJobStatus` InProgress, which writes Bundles
 */
export function busyReason(plural: string, object: JsonObject): string | undefined {
  switch (plural) {
    case "applications":
      return applicationBusy(object);
    case "kustomizations":
    case "helmreleases":
      return reconciling(object) ? "a reconciliation is under way" : undefined;
    case "gitrepos":
    case "bundles":
      return fleetBusy(object);
    default:
      return undefined;
  }
}

function applicationBusy(application: JsonObject): string | undefined {
  if (application["operation"] !== undefined) return "a sync is asked for";
  const phase = textAt(application, "status", "operationState", "phase");
  return phase === "Running" || phase === "Terminating" ? "a sync is under way" : undefined;
}

function reconciling(object: JsonObject): boolean {
  return objectsAt(object, "status", "conditions").some(
    ({ type, status, reason }) => type === "Reconciling" && status === "True" && reason === "Progressing",
  );
}

function fleetBusy(object: JsonObject): string | undefined {
  const generation = numberAt(object, "metadata", "generation");
  if (numberAt(object, "status", "observedGeneration") < generation)
    return "Fleet has not seen the pause yet";
  const running = textAt(object, "status", "gitJobStatus") === "InProgress";
  return running ? "a job that writes its Bundles is under way" : undefined;
}
