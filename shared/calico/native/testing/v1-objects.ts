import assert from "node:assert/strict";
import type { JsonObject } from "../../../json.ts";
import { type BrokenV1, type CarriedNative, toNative } from "../to-native.ts";

/** The UID of every v1 object here, and the one under which the aggregated API shows it. */
export const V1_UID = "01020304-0506-4708-8910-111213141516";
export const SHOWN_UID = "8040c020-a060-4710-8908-8848c828a868";

/** A v1 object as it is read from the Kubernetes API. `stored` is what the metadata annotation says; none when null. */
export function v1Object(
  kind: string,
  path: string,
  spec: JsonObject | undefined,
  stored: JsonObject | null = {},
  metadata: JsonObject = {},
): JsonObject {
  const [first = "", second] = path.split("/");
  const { annotations, ...rest } = metadata;
  return {
    apiVersion: "crd.projectcalico.org/v1",
    kind,
    metadata: {
      name: second ?? first,
      ...(second === undefined ? {} : { namespace: first }),
      uid: V1_UID,
      resourceVersion: "77",
      generation: 3,
      creationTimestamp: "2025-01-02T03:04:05Z",
      managedFields: [{ manager: "Go-http-client" }],
      annotations: {
        ...(stored === null ? {} : { "projectcalico.org/metadata": JSON.stringify(stored) }),
        ...(annotations as JsonObject | undefined),
      },
      ...rest,
    },
    spec,
  };
}

/** What a v1 object that must be carried becomes. */
export function carried(v1: JsonObject): CarriedNative {
  const result = toNative(v1);
  assert.equal(result.outcome, "carry", JSON.stringify(result));
  return result;
}

/** Why a v1 object is not carried. */
export function broken(v1: JsonObject): BrokenV1 {
  const result = toNative(v1);
  assert.equal(result.outcome, "broken", JSON.stringify(result));
  return result;
}
