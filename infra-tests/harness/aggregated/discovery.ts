import type { JsonObject } from "../../../shared/json.ts";
import { SERVED_KINDS, SERVED_VERSION } from "./kinds.ts";

const [GROUP = "", VERSION = ""] = SERVED_VERSION.split("/");
const SERVED = { groupVersion: SERVED_VERSION, version: VERSION };
const GROUP_ENTRY = { name: GROUP, versions: [SERVED], preferredVersion: SERVED };
const VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"];

const DOCUMENTS: Readonly<Record<string, JsonObject>> = {
  "/apis": { kind: "APIGroupList", apiVersion: "v1", groups: [GROUP_ENTRY] },
  [`/apis/${GROUP}`]: { kind: "APIGroup", apiVersion: "v1", ...GROUP_ENTRY },
  [`/apis/${SERVED_VERSION}`]: {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: SERVED_VERSION,
    resources: [...SERVED_KINDS.values()].map(({ kind, plural, info }) => ({
      name: plural,
      singularName: kind.toLowerCase(),
      namespaced: info.namespaced,
      kind,
      verbs: VERBS,
    })),
  },
};

/** The discovery document at a path; undefined for every other path. kube-apiserver falls back to this older form. */
export function discoveryDocument(path: string): JsonObject | undefined {
  return DOCUMENTS[path.replace(/\/$/, "")];
}
