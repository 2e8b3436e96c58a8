import { isJsonObject, type JsonObject } from "../json.ts";
import { objectAt, objectsAt, textAt } from "./fields.ts";
import type { ObjectRef } from "./types.ts";

/** The APIService that says who serves projectcalico.org/v3. */
export const nativeApiService: ObjectRef = {
  apiVersion: "apiregistration.k8s.io/v1",
  plural: "apiservices",
  name: "v3.projectcalico.org",
};

/** Who serves a version of a group. */
export interface ApiServiceState {
  /** `aggregated`: another server, behind a Service. `automanaged`: the API server itself, out of CustomResourceDefinitions. */
  served: "aggregated" | "automanaged" | "absent";
  /** Empty when absent. */
  uid: string;
  /** True when the API server says that it is served in the way that its spec wants. */
  available: boolean;
  /** Why it is not available; empty when it is. */
  message: string;
  /** The APIService as read; undefined when absent. */
  object: JsonObject | undefined;
}

/** Judges an APIService; undefined where there is none. */
export function apiServiceState(object: JsonObject | undefined): ApiServiceState {
  if (object === undefined) {
    return { served: "absent", uid: "", available: false, message: "there is no APIService", object };
  }
  const served = isJsonObject(objectAt(object, "spec")["service"]) ? "aggregated" : "automanaged";
  const uid = textAt(object, "metadata", "uid");
  const message = whyUnavailable(object, served === "aggregated");
  return { served, uid, available: message === "", message, object };
}

/** What of an APIService has to be kept to create it again: all but what the server adds. Holds no secret. */
export function savedApiService(object: JsonObject): JsonObject {
  const { status, ...rest } = object;
  const { uid, resourceVersion, creationTimestamp, managedFields, ...metadata } = objectAt(
    object,
    "metadata",
  );
  return { ...rest, metadata };
}

/** A status of reason Local outlives the change from automanaged to aggregated for a moment. */
function whyUnavailable(object: JsonObject, aggregated: boolean): string {
  const condition = objectsAt(object, "status", "conditions").find(({ type }) => type === "Available");
  if (condition === undefined) return "the API server has not judged it yet";
  if (aggregated && condition["reason"] === "Local") return "the API server has not judged it again yet";
  if (condition["status"] === "True") return "";
  return textAt(condition, "message") || textAt(condition, "reason") || "it is not available";
}
