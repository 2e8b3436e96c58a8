import type { Action } from "../../../engine/migration.ts";
import type { JsonObject } from "../../../json.ts";
import { crdResource, waitEstablished } from "../../../kubernetes/crds.ts";
import { Discovery } from "../../../kubernetes/discovery.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { resourcePath } from "../../../kubernetes/paths.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import type { ClusterConnections } from "../../connections.ts";
import { fieldManager } from "../../context.ts";
import { isCrd } from "../../manifests.ts";
import { call, readTarget, WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import type { Context } from "../context.ts";
import { readCrdManifest } from "../manifest.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { nativeCrdNames } from "../second-version.ts";
import { type Created, identified, InstallNotes, removeCrds } from "../undo-install.ts";

/** Creates the native CRDs and admission policies that are missing. What is there already is left as it is: preflight has judged it. */
export const installCrds: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "install-crds",
  title: "create the native CRDs and admission policies that are missing",
  changesCluster: true,
  undo: [removeCrds],
  act: async (context) => {
    const objects = await readCrdManifest(context);
    await createMissing(context, objects.filter(isCrd));
    const { kubernetes } = context.connections;
    await waitEstablished(kubernetes, nativeCrdNames(), { signal: context.signal });
    await createMissing(
      context,
      objects.filter((object) => !isCrd(object)),
    );
    return { done: true };
  },
};

/** Records which objects are missing before the first is created, and then which of them this run has created. */
async function createMissing(context: Context, objects: readonly JsonObject[]): Promise<void> {
  const discovery = new Discovery(context.connections.kubernetes);
  const known = new Set(recorded(context).map(({ ref }) => resourcePath(ref)));
  const wanted = await Promise.all(
    objects.map(async (object) => ({ object, ref: await refOf(discovery, object) })),
  );
  const found = await Promise.all(wanted.map(({ ref }) => readTarget(context, ref)));
  const missing = wanted.filter((_, index) => found[index] === undefined);
  const added = missing
    .filter(({ ref }) => !known.has(resourcePath(ref)))
    .map(({ ref }) => ({ ref: { ...ref } }));
  if (added.length > 0) await context.record({ created: [...recorded(context), ...added] });
  await Promise.all(missing.map(({ ref, object }) => create(context, ref, object)));
  await context.record({
    created: await Promise.all(recorded(context).map((one) => identified(context, one))),
  });
}

async function create(context: Context, ref: ObjectRef, object: JsonObject): Promise<void> {
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  try {
    await call(context, () => context.connections.kubernetes.create(ref, object, options));
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_ALREADY_EXISTS")) throw error;
  }
}

function recorded(context: Context): Created[] {
  return InstallNotes.parse(context.notes).created;
}

async function refOf(discovery: Discovery, object: JsonObject): Promise<ObjectRef> {
  const name = textAt(object, "metadata", "name");
  if (isCrd(object)) return { ...crdResource, name };
  const kind = textAt(object, "kind");
  const { apiVersion, plural, namespaced } = await discovery.resource(textAt(object, "apiVersion"), kind);
  if (!namespaced) return { apiVersion, plural, name };
  return { apiVersion, plural, namespace: textAt(object, "metadata", "namespace") || "default", name };
}
