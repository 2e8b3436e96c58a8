import type { JsonObject } from "../../../json.ts";
import { Discovery } from "../../../kubernetes/discovery.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { KubernetesApi, ObjectRef } from "../../../kubernetes/types.ts";
import { fieldManager } from "../../context.ts";
import { isOurs } from "../../target/ownership.ts";
import { orAbsent } from "../../target/calls.ts";
import type { MirrorContext } from "./context.ts";
import { mirrorName } from "./name.ts";

const GROUP = "migration.projectcalico.org";
const PLURAL = "datastoremigrations";
/**
 * How long one request may take. It is short, as the run waits for it, perhaps while the datastore is locked.
 */
const TIMEOUT_MS = 3000;

/** Where the object that shows a run is, in the version that the operator and kube-controllers prefer; undefined without the CRD. */
export async function mirrorRef(context: MirrorContext): Promise<ObjectRef | undefined> {
  const versions = await send(context, (api) =>
    new Discovery(api).versionsOf(GROUP, { signal: context.signal, timeoutMs: TIMEOUT_MS }),
  );
  const version = versions.includes("v1") ? "v1" : versions[0];
  if (version === undefined) return undefined;
  return { apiVersion: `${GROUP}/${version}`, plural: PLURAL, name: mirrorName(context.run.runId) };
}

/**
 * Shows a status; the object is created where it is not there. It has no finalizer, so that whoever deletes it, or its CRD,
 * deletes nothing else.
 */
export async function writeStatus(context: MirrorContext, ref: ObjectRef, status: JsonObject): Promise<void> {
  if (await patched(context, ref, status)) return;
  await create(context, ref);
  await patched(context, ref, status);
}

/** Deletes the object that shows this run, if it is there. */
export async function deleteMirror(context: MirrorContext, ref: ObjectRef): Promise<void> {
  const options = { signal: context.signal, timeoutMs: TIMEOUT_MS };
  const found = await orAbsent(send(context, (api) => api.get(ref, options)));
  if (found === undefined || !isOurs(context, found)) return;
  const uid = textAt(found, "metadata", "uid");
  await orAbsent(send(context, (api) => api.delete(ref, { uid, timeoutMs: TIMEOUT_MS })));
}

/** False when there is no such object. */
async function patched(context: MirrorContext, ref: ObjectRef, status: JsonObject): Promise<boolean> {
  const options = { type: "merge", subresource: "status", fieldManager: fieldManager(context) } as const;
  const found = await orAbsent(
    send(context, (api) => api.patch(ref, { status }, { ...options, timeoutMs: TIMEOUT_MS })),
  );
  return found !== undefined;
}

async function create(context: MirrorContext, ref: ObjectRef): Promise<void> {
  const { apiVersion, plural, name } = ref;
  const labels = { "app.kubernetes.io/managed-by": "calico-migrator" };
  const annotations = { "calico-migrator.io/run": context.run.runId };
  const object = {
    apiVersion,
    kind: "DatastoreMigration",
    metadata: { name, labels, annotations },
    spec: { type: "APIServerToCRDs" },
  };
  const options = { fieldManager: fieldManager(context), timeoutMs: TIMEOUT_MS };
  try {
    await send(context, (api) => api.create({ apiVersion, plural }, object, options));
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_ALREADY_EXISTS")) throw error;
  }
}

/** Tried once: whatever happens next to the run shows it again. */
function send<T>(context: MirrorContext, request: (api: KubernetesApi) => Promise<T>): Promise<T> {
  const { kubernetes, limiter } = context.connections;
  return limiter.run(() => {
    context.ensureHeld();
    return request(kubernetes);
  }, context.signal);
}
