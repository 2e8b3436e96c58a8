import { setTimeout as delay } from "node:timers/promises";
import type { JsonObject } from "../json.ts";
import { MigratorError } from "../errors.ts";
import { isKubernetesError } from "./errors.ts";
import { objectsAt, textAt } from "./fields.ts";
import type { CallOptions, KubernetesApi, ResourceRef } from "./types.ts";

/** Where CustomResourceDefinitions live. */
export const crdResource: ResourceRef = {
  apiVersion: "apiextensions.k8s.io/v1",
  plural: "customresourcedefinitions",
};

/** What is known of one CustomResourceDefinition. */
export interface CrdState {
  /** `<plural>.<group>`. */
  name: string;
  present: boolean;
  /** Established with its names accepted, and not being deleted: objects can be read and written. */
  established: boolean;
  /** Why it is not established; empty when it is. */
  reason: string;
  served: string[];
  /** The version that is stored; undefined while absent. */
  storage: string | undefined;
}

/** How long and how often to look. */
export interface WaitOptions extends CallOptions {
  /** Milliseconds until KUBERNETES_CRDS_NOT_ESTABLISHED. Default 60,000. */
  deadlineMs?: number | undefined;
  /** Milliseconds between looks. Default 500. */
  pollMs?: number | undefined;
}

/** The state of each of these CustomResourceDefinitions, in the order of the names. */
export async function crdStates(
  api: Pick<KubernetesApi, "get">,
  names: readonly string[],
  options: CallOptions = {},
): Promise<CrdState[]> {
  return Promise.all(
    names.map(async (name) => {
      try {
        return crdState(await api.get({ ...crdResource, name }, options));
      } catch (error) {
        if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return absent(name);
        throw error;
      }
    }),
  );
}

/** Judges a CustomResourceDefinition object. */
export function crdState(crd: JsonObject): CrdState {
  const versions = objectsAt(crd, "spec", "versions");
  const reason = whyNotEstablished(crd);
  return {
    name: textAt(crd, "metadata", "name"),
    present: true,
    established: reason === "",
    reason,
    served: versions
      .filter((version) => version["served"] === true)
      .map((version) => textAt(version, "name")),
    storage: versions
      .filter((version) => version["storage"] === true)
      .map((version) => textAt(version, "name"))[0],
  };
}

/**
 * Waits until all of these CustomResourceDefinitions are established. Throws KUBERNETES_CRDS_NOT_ESTABLISHED after the
 * deadline, with the reason of each one that is not.
 */
export async function waitEstablished(
  api: Pick<KubernetesApi, "get">,
  names: readonly string[],
  options: WaitOptions = {},
): Promise<CrdState[]> {
  const { deadlineMs = 60_000, pollMs = 500, ...call } = options;
  const until = performance.now() + deadlineMs;
  for (;;) {
    const states = await crdStates(api, names, call);
    const open = states.filter((state) => !state.established);
    if (open.length === 0) return states;
    if (performance.now() + pollMs > until) throw notEstablished(open, deadlineMs);
    await delay(pollMs, undefined, { signal: call.signal });
  }
}

function whyNotEstablished(crd: JsonObject): string {
  if (textAt(crd, "metadata", "deletionTimestamp") !== "") return "it is being deleted";
  const conditions = objectsAt(crd, "status", "conditions");
  for (const type of ["NamesAccepted", "Established"]) {
    const condition = conditions.find((candidate) => candidate["type"] === type);
    if (condition === undefined) return `the API server has not judged ${type} yet`;
    const status = textAt(condition, "status");
    if (status !== "True") return `${type} is ${status}: ${textAt(condition, "message")}`;
  }
  return "";
}

function absent(name: string): CrdState {
  return {
    name,
    present: false,
    established: false,
    reason: "it does not exist",
    served: [],
    storage: undefined,
  };
}

function notEstablished(open: readonly CrdState[], deadlineMs: number): MigratorError {
  const each = open.map((state) => `${state.name} (${state.reason})`).join(", ");
  return new MigratorError(
    "KUBERNETES_CRDS_NOT_ESTABLISHED",
    `not established within ${deadlineMs / 1000} s: ${each}`,
    {
      next: "Mend what the conditions of these CustomResourceDefinitions say (kubectl describe crd), then `resume`.",
      retryable: true,
      details: { crds: open.map(({ name, reason }) => ({ name, reason })) },
    },
  );
}
