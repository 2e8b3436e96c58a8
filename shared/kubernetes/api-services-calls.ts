import type { JsonObject } from "../json.ts";
import { orAbsent } from "./absent.ts";
import { apiServiceState, type ApiServiceState } from "./api-services.ts";
import { isKubernetesError } from "./errors.ts";
import { objectAt, textAt } from "./fields.ts";
import type { ObjectRef, Send, WriteOptions } from "./types.ts";

/** What tells a group that is served out of CustomResourceDefinitions from the same group of an aggregated server. */
export interface ServedProbe {
  apiVersion: string;
  plural: string;
  /** UIDs of objects that the CustomResourceDefinition holds: the list must have them. */
  shows: readonly string[];
  /** UIDs under which only the aggregated server shows objects: the list must not have them. */
  hides: readonly string[];
}

type Options = Pick<WriteOptions, "fieldManager" | "timeoutMs" | "dryRun">;

const maxTries = 6;

/** Reads an APIService and judges it. */
export async function readApiService(send: Send, ref: ObjectRef): Promise<ApiServiceState> {
  return apiServiceState(await orAbsent(send((api) => api.get(ref))));
}

/**
 * Deletes an APIService if it is still the one of this UID, and says who serves the version then: an `aggregated` one with
 * another UID is somebody else's new one, and was left alone. Repeating it is harmless. The API server creates an
 * automanaged one by itself where there are CustomResourceDefinitions for the version (within a second).
 */
export async function removeApiService(
  send: Send,
  ref: ObjectRef,
  uid: string,
  { timeoutMs }: Pick<WriteOptions, "timeoutMs"> = {},
): Promise<ApiServiceState> {
  for (let attempt = 1; ; attempt++) {
    const found = await readApiService(send, ref);
    if (found.uid !== uid) return found;
    try {
      await orAbsent(send((api) => api.delete(ref, { uid, timeoutMs })));
    } catch (error) {
      // Also told when somebody, the availability controller above all, wrote its status at the same moment.
      if (attempt >= maxTries || !isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
    }
  }
}

/**
 * Why an API version is not yet served out of its CustomResourceDefinitions, or undefined when it is: an automanaged
 * APIService is available, and every probe's list has what it must and nothing else. Asks whichever API server answers;
 * the others learn of it within a second. Probes are for resources of at most 500 objects.
 */
export async function whyNotServedLocally(
  send: Send,
  ref: ObjectRef,
  probes: readonly ServedProbe[],
): Promise<string | undefined> {
  const state = await readApiService(send, ref);
  if (state.served !== "automanaged") return `APIService ${ref.name} is ${state.served}`;
  if (!state.available) return `APIService ${ref.name}: ${state.message}`;
  const answers = await Promise.all(probes.map((probe) => probeList(send, probe)));
  return answers.find((answer) => answer !== undefined);
}

/**
 * Puts a saved APIService back. An aggregated one that is there is left as it is: somebody has done it already. An
 * automanaged one is replaced in place, so that there is no moment without any, in which the API server would create the
 * automanaged one again. Repeating it is harmless. Gives the state after: available only once the API server has reached
 * the aggregated server, so ask again (`readApiService`).
 */
export async function restoreApiService(
  send: Send,
  saved: JsonObject,
  options: Options = {},
): Promise<ApiServiceState> {
  const ref = refOf(saved);
  for (let attempt = 1; ; attempt++) {
    const found = await readApiService(send, ref);
    if (found.served === "aggregated") return found;
    try {
      return apiServiceState(await put(send, ref, { saved, found: found.object, options }));
    } catch (error) {
      if (attempt >= maxTries || !isLost(error)) throw error;
    }
  }
}

interface Put {
  saved: JsonObject;
  /** The automanaged one, if it is there. */
  found: JsonObject | undefined;
  options: Options;
}

function put(send: Send, ref: ObjectRef, { saved, found, options }: Put): Promise<JsonObject> {
  if (found === undefined) return send((api) => api.create(ref, saved, options));
  const metadata = {
    ...objectAt(saved, "metadata"),
    resourceVersion: textAt(found, "metadata", "resourceVersion"),
  };
  return send((api) => api.replace(ref, { ...saved, metadata }, options));
}

/** Somebody was quicker: look again. */
function isLost(error: unknown): boolean {
  return ["KUBERNETES_CONFLICT", "KUBERNETES_ALREADY_EXISTS", "KUBERNETES_NOT_FOUND"].some((code) =>
    isKubernetesError(error, code),
  );
}

async function probeList(send: Send, probe: ServedProbe): Promise<string | undefined> {
  const { apiVersion, plural } = probe;
  try {
    const page = await send((api) => api.list({ apiVersion, plural }, { limit: 500, metadataOnly: true }));
    const uids = new Set(page.items.map((item) => textAt(item, "metadata", "uid")));
    if (probe.hides.some((uid) => uids.has(uid)))
      return `${plural} are still served by the aggregated server`;
    return probe.shows.every((uid) => uids.has(uid)) ? undefined : `${plural} are not all served yet`;
  } catch (error) {
    if (isNotYet(error)) return `${plural} are not served yet`;
    throw error;
  }
}

/** Between the aggregated server and the API server's own, requests are answered by neither. */
function isNotYet(error: unknown): boolean {
  return (
    isKubernetesError(error, "KUBERNETES_NOT_FOUND") || isKubernetesError(error, "KUBERNETES_SERVER_ERROR")
  );
}

function refOf(saved: JsonObject): ObjectRef {
  const [name, apiVersion] = [textAt(saved, "metadata", "name"), textAt(saved, "apiVersion")];
  return { apiVersion, plural: "apiservices", name };
}
