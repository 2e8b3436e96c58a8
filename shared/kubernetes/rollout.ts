import { isJsonObject, type JsonObject } from "../json.ts";
import { numberAt, objectAt, objectsAt, textAt } from "./fields.ts";

/** How far a rollout is. */
export interface RolloutStatus {
  done: boolean;
  /** True when waiting longer cannot help: the progress deadline passed, or the object cannot be judged. */
  failed: boolean;
  message: string;
}

interface Workload {
  name: string;
  generation: number;
  spec: JsonObject;
  status: JsonObject;
}

/**
 * Judges a DaemonSet, Deployment or StatefulSet of apps/v1 as `kubectl rollout status` does
 * (k8s.io/kubectl/pkg/polymorphichelpers, rollout_status.go).
 */
export function rolloutStatus(object: JsonObject): RolloutStatus {
  const workload = {
    name: textAt(object, "metadata", "name"),
    generation: numberAt(object, "metadata", "generation"),
    spec: objectAt(object, "spec"),
    status: objectAt(object, "status"),
  };
  switch (object["kind"]) {
    case "Deployment":
      return deploymentStatus(workload);
    case "DaemonSet":
      return daemonSetStatus(workload);
    case "StatefulSet":
      return statefulSetStatus(workload);
    default:
      return failed(`${textAt(object, "kind")} "${workload.name}" has no rollout`);
  }
}

function deploymentStatus({ name, generation, spec, status }: Workload): RolloutStatus {
  if (generation > numberAt(status, "observedGeneration")) {
    return waiting(`deployment "${name}": its new spec is not observed yet`);
  }
  if (progressReason(status) === "ProgressDeadlineExceeded") {
    return failed(`deployment "${name}" exceeded its progress deadline`);
  }
  const updated = numberAt(status, "updatedReplicas");
  const wanted = spec["replicas"];
  if (typeof wanted === "number" && updated < wanted) {
    return waiting(`deployment "${name}": ${updated} of ${wanted} new replicas are updated`);
  }
  const old = numberAt(status, "replicas") - updated;
  if (old > 0) return waiting(`deployment "${name}": ${old} old replicas are still ending`);
  const available = numberAt(status, "availableReplicas");
  if (available < updated) {
    return waiting(`deployment "${name}": ${available} of ${updated} updated replicas are available`);
  }
  return done(`deployment "${name}" is rolled out`);
}

function daemonSetStatus({ name, generation, spec, status }: Workload): RolloutStatus {
  const refusal = strategyRefusal("daemon set", name, spec);
  if (refusal !== undefined) return refusal;
  if (generation > numberAt(status, "observedGeneration")) {
    return waiting(`daemon set "${name}": its new spec is not observed yet`);
  }
  const wanted = numberAt(status, "desiredNumberScheduled");
  const updated = numberAt(status, "updatedNumberScheduled");
  if (updated < wanted) return waiting(`daemon set "${name}": ${updated} of ${wanted} pods are updated`);
  const available = numberAt(status, "numberAvailable");
  if (available < wanted)
    return waiting(`daemon set "${name}": ${available} of ${wanted} updated pods are available`);
  return done(`daemon set "${name}" is rolled out`);
}

function statefulSetStatus({ name, generation, spec, status }: Workload): RolloutStatus {
  const refusal = strategyRefusal("stateful set", name, spec);
  if (refusal !== undefined) return refusal;
  const observed = numberAt(status, "observedGeneration");
  if (observed === 0 || generation > observed) {
    return waiting(`stateful set "${name}": its new spec is not observed yet`);
  }
  const wanted = spec["replicas"];
  const ready = numberAt(status, "readyReplicas");
  if (typeof wanted === "number" && ready < wanted) {
    return waiting(`stateful set "${name}": ${ready} of ${wanted} pods are ready`);
  }
  const updated = numberAt(status, "updatedReplicas");
  const rolling = objectAt(spec, "updateStrategy")["rollingUpdate"];
  if (isJsonObject(rolling)) return partitionStatus(name, updated, wanted, rolling["partition"]);
  if (status["updateRevision"] !== status["currentRevision"]) {
    return waiting(
      `stateful set "${name}": ${updated} pods are at revision ${textAt(status, "updateRevision")}`,
    );
  }
  return done(`stateful set "${name}" is rolled out`);
}

function partitionStatus(name: string, updated: number, wanted: unknown, partition: unknown): RolloutStatus {
  if (typeof wanted === "number" && typeof partition === "number" && updated < wanted - partition) {
    return waiting(`stateful set "${name}": ${updated} of ${wanted - partition} new pods are updated`);
  }
  return done(`stateful set "${name}" is rolled out: ${updated} new pods are updated`);
}

function strategyRefusal(what: string, name: string, spec: JsonObject): RolloutStatus | undefined {
  const type = textAt(spec, "updateStrategy", "type");
  if (type === "RollingUpdate") return undefined;
  return failed(`${what} "${name}" has the update strategy ${type}: only RollingUpdate can be followed`);
}

function progressReason(status: JsonObject): string {
  const progressing = objectsAt(status, "conditions").find(
    (condition) => condition["type"] === "Progressing",
  );
  return progressing === undefined ? "" : textAt(progressing, "reason");
}

function waiting(message: string): RolloutStatus {
  return { done: false, failed: false, message };
}

function done(message: string): RolloutStatus {
  return { done: true, failed: false, message };
}

function failed(message: string): RolloutStatus {
  return { done: false, failed: true, message };
}
