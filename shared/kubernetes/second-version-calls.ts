import { MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { orAbsent } from "./absent.ts";
import { crdResource } from "./crds.ts";
import { isKubernetesError } from "./errors.ts";
import { objectsAt, textAt } from "./fields.ts";
import {
  SECOND_VERSION,
  secondVersion,
  storesSecondVersion,
  withoutSecondVersion,
  withSecondVersion,
} from "./second-version.ts";
import type { ObjectRef, Send } from "./types.ts";

/** How the second version of one CustomResourceDefinition is. */
export interface SecondVersionState {
  /** Of the CustomResourceDefinition. */
  name: string;
  /**
   * `served`: objects can be written and read through it. `opening`: the definition has it, the API server does not serve it
   * yet. `closed` and `stale`: it is not there, or no copy of v3. After it was open, both mean that somebody has put the
   * definition back (lost). `impossible`: this definition cannot have one. `absent`: there is no such definition.
   */
  state: "served" | "opening" | "closed" | "stale" | "impossible" | "absent";
  /** Why it is impossible; empty otherwise. */
  reason: string;
}

/** How to write to the definitions. */
export interface SecondVersionOptions {
  fieldManager: string;
  /** Milliseconds that a write may be under way. */
  timeoutMs?: number;
  /** True to have a write judged only. */
  dryRun?: boolean;
}

const maxTries = 4;

/** Looks at the second version of each of these CustomResourceDefinitions, in the order of the names. */
export async function secondVersionStates(
  send: Send,
  names: readonly string[],
): Promise<SecondVersionState[]> {
  return Promise.all(
    names.map(async (name) => {
      const crd = await read(send, name);
      if (crd === undefined) return { name, state: "absent", reason: "" };
      const found = secondVersion(crd);
      if (found.state === "impossible") return { name, ...found };
      if (found.state !== "open") return { name, state: found.state, reason: "" };
      return { name, state: (await isServed(send, crd)) ? "served" : "opening", reason: "" };
    }),
  );
}

/**
 * Opens the second version of these CustomResourceDefinitions where it is closed or stale, and says how each one is then: ask
 * again (`secondVersionStates`) until none is `opening`, which takes about three seconds. Repeating it is harmless.
 * Nothing is opened when one of them is `impossible` or `absent`. With several API servers one may serve it a moment
 * later than the one that was asked: a write through it can still fail with KUBERNETES_NOT_FOUND.
 */
export async function openSecondVersions(
  send: Send,
  names: readonly string[],
  options: SecondVersionOptions,
): Promise<SecondVersionState[]> {
  const states = await secondVersionStates(send, names);
  if (states.some(({ state }) => state === "impossible" || state === "absent")) return states;
  const missing = states.filter(({ state }) => state === "closed" || state === "stale");
  await Promise.all(
    missing.map(async ({ name }) => {
      try {
        await openSecondVersion(send, name, options);
      } catch (error) {
        // Somebody writes to the definition all the time: its state is returned as it is now, and the caller decides
        // how long to wait.
        if (!isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
      }
    }),
  );
  return missing.length === 0 ? states : secondVersionStates(send, names);
}

/** Opens the second version of one definition where it is there and can have one. Throws what the API server says. */
export async function openSecondVersion(
  send: Send,
  name: string,
  options: SecondVersionOptions,
): Promise<void> {
  await change(send, name, options, (crd) =>
    secondVersion(crd).state === "impossible" ? undefined : withSecondVersion(crd),
  );
}

/**
 * Takes the second version away from these CustomResourceDefinitions where it is, and this field manager off their updates, so
 * that whoever applies them later does not meet a conflict with it; what it has applied stays its own. Repeating it is
 * harmless.
 *
 * Throws SECOND_VERSION_STORED, before any write, when the API server has recorded that objects were stored under the second
 * version: what was written through it is otherwise stored as v3.
 */
export async function closeSecondVersions(
  send: Send,
  names: readonly string[],
  options: SecondVersionOptions,
): Promise<void> {
  const crds = await Promise.all(names.map((name) => read(send, name)));
  for (const crd of crds) if (crd !== undefined && storesSecondVersion(crd)) throw stored(crd);
  await Promise.all(
    names.map(async (name) => {
      await change(send, name, options, (crd) => {
        if (storesSecondVersion(crd)) throw stored(crd);
        return withoutSecondVersion(crd);
      });
      await change(send, name, options, (crd) => withoutManager(crd, options.fieldManager));
    }),
  );
}

/** Patches a definition as it is found, and again when somebody has written to it in between. */
async function change(
  send: Send,
  name: string,
  options: SecondVersionOptions,
  patchOf: (crd: JsonObject) => JsonObject | undefined,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const crd = await read(send, name);
    const patch = crd === undefined ? undefined : patchOf(crd);
    if (patch === undefined) return;
    try {
      await send((api) => api.patch(ref(name), patch, { ...options, type: "merge" }));
      return;
    } catch (error) {
      if (attempt >= maxTries || !isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
    }
  }
}

/** A patch that changes nothing but managedFields leaves no trace of who sent it. */
function withoutManager(crd: JsonObject, manager: string): JsonObject | undefined {
  const entries = objectsAt(crd, "metadata", "managedFields");
  const managedFields = entries.filter(
    (entry) => entry["manager"] !== manager || entry["operation"] !== "Update",
  );
  if (managedFields.length === entries.length || managedFields.length === 0) return undefined;
  return { metadata: { resourceVersion: textAt(crd, "metadata", "resourceVersion"), managedFields } };
}

/** Discovery may name it before it answers, so it is asked. */
async function isServed(send: Send, crd: JsonObject): Promise<boolean> {
  const apiVersion = `${textAt(crd, "spec", "group")}/${SECOND_VERSION}`;
  const plural = textAt(crd, "spec", "names", "plural");
  const page = send((api) => api.list({ apiVersion, plural }, { limit: 1, metadataOnly: true }));
  return (await orAbsent(page)) !== undefined;
}

function read(send: Send, name: string): Promise<JsonObject | undefined> {
  return orAbsent(send((api) => api.get(ref(name))));
}

function ref(name: string): ObjectRef {
  return { ...crdResource, name };
}

function stored(crd: JsonObject): MigratorError {
  const name = textAt(crd, "metadata", "name");
  const resource = name.replace(".", `.${SECOND_VERSION}.`);
  const merge = `kubectl patch crd ${name} --subresource=status --type=merge -p '{"status":{"storedVersions":["v3"]}}'`;
  return new MigratorError("SECOND_VERSION_STORED", `${name} stores objects as ${SECOND_VERSION}`, {
    next: `Make v3 the stored version of ${name} again (\`storage\` of both, with kubectl edit crd ${name}), rewrite its objects (kubectl get ${resource} -A -o json | kubectl replace -f -), and take ${SECOND_VERSION} out of its status.storedVersions (${merge}). Then \`resume\`.`,
    details: { crd: name },
  });
}
