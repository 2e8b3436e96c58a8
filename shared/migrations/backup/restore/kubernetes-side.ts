import { MigratorError } from "../../../errors.ts";
import { parseExactJson } from "../../../exact-json.ts";
import type { Json, JsonObject } from "../../../json.ts";
import { inServedRef } from "../../../kubernetes/admission.ts";
import { Discovery } from "../../../kubernetes/discovery.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import { objectAt, textAt } from "../../../kubernetes/fields.ts";
import type { ObjectRef, WriteOptions } from "../../../kubernetes/types.ts";
import { fieldManager } from "../../context.ts";
import { call, deleteCopy, readTarget, WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import { isLeaving, leavingText } from "../../target/leaving.ts";
import { isOurs, NODE_FIELD_MANAGER } from "../../target/ownership.ts";
import { releaseFields } from "../../target/release-fields.ts";
import { restored } from "../../target/remove.ts";
import { ObjectLine } from "./lines.ts";
import { contentHash, exactHash, isCalico, keyOf, objectItem, refOf, refOfKey } from "./objects.ts";
import type { Context } from "./options.ts";
import type { Found, Item, Present, Side, Written } from "./side.ts";
import { reads } from "../../target/reads.ts";

const NODE_PREFIX = "projectcalico.org/";
/** Stands in place of a hash, and equals the hash of no content. */
const LEAVING = "being deleted";
/** Somebody was quicker: look again. */
const LOST = ["KUBERNETES_CONFLICT", "KUBERNETES_ALREADY_EXISTS"];

type SideContext = Pick<Context, "run" | "connections" | "signal" | "ensureHeld">;
type ObjectItem = Item<ObjectLine>;

/** Calico's objects in Kubernetes, and what belongs to them. Of Nodes, Calico's annotations alone. */
export class KubernetesSide implements Side<ObjectLine> {
  readonly #context: SideContext;
  readonly #discovery: Discovery;

  constructor(context: SideContext) {
    this.#context = context;
    this.#discovery = new Discovery(reads(context));
  }

  itemOf(line: Json): ObjectItem | undefined {
    return objectItem(ObjectLine.parse(line));
  }

  async read(items: readonly ObjectItem[]): Promise<Map<string, Found>> {
    const found = await Promise.all(items.map(async ({ key }) => [key, await this.find(key)] as const));
    return new Map(found.filter((one): one is [string, Found] => one[1] !== undefined));
  }

  wants({ line }: ObjectItem): string {
    return contentHash(line.ref, line.object);
  }

  async put(item: ObjectItem, found: Found | undefined): Promise<Written | undefined> {
    return this.#quickly(() => this.#write(refOf(item.line), contentOf(item), found, {}));
  }

  /** A custom resource whose definition is still to be created cannot be judged yet. */
  async rehearse(item: ObjectItem, found: Found | undefined): Promise<void> {
    await this.#quickly(() => this.#write(refOf(item.line), contentOf(item), found, { dryRun: true }));
  }

  async find(key: string): Promise<Found | undefined> {
    const ref = await this.#here(refOfKey(key));
    const object = await readTarget(this.#context, ref);
    return object === undefined ? undefined : this.#foundOf(ref, object);
  }

  async putBack(key: string, before: string, found: Found): Promise<boolean> {
    const object = parseExactJson(before) as JsonObject;
    return (await this.#quickly(() => this.#write(refOfKey(key), object, found, {}))) !== undefined;
  }

  async remove(key: string, { uid }: Found): Promise<boolean> {
    await deleteCopy(this.#context, await this.#here(refOfKey(key)), uid);
    return true;
  }

  /** A Node is never written under the name of a run. */
  async release(key: string, managers: readonly JsonObject[]): Promise<void> {
    const place = refOfKey(key);
    if (place.plural === "nodes") return;
    const ref = await this.#here(place);
    const carried = managers.map((entry) =>
      entry["apiVersion"] === place.apiVersion ? { ...entry, apiVersion: ref.apiVersion } : entry,
    );
    await releaseFields(this.#context, ref, { by: "replace", releaseOf: () => ({ carried }) });
  }

  async *present(resources: readonly string[]): AsyncGenerator<Present[]> {
    const { signal } = this.#context;
    for (const resource of resources) {
      const at = resource.lastIndexOf("/");
      const ref = { apiVersion: resource.slice(0, at), plural: resource.slice(at + 1) };
      if (!isCalico(ref)) continue;
      try {
        for await (const page of reads(this.#context).pages(ref, { metadataOnly: true, signal }))
          yield page.map((object) => ({
            key: keyOf(refOf({ ref, object })),
            kind: ref.plural,
            ...(isLeaving(object) ? { leaving: leavingText(object) } : {}),
          }));
      } catch (error) {
        if (!isKubernetesError(error, "KUBERNETES_NOT_FOUND")) throw error;
      }
    }
  }

  /** Admission policies may have been backed up in a version that this cluster does not serve. */
  async #here(ref: ObjectRef): Promise<ObjectRef> {
    const { signal } = this.#context;
    return inServedRef(this.#discovery, ref, { signal });
  }

  #foundOf(ref: ObjectRef, object: JsonObject): Found {
    const isNode = ref.plural === "nodes";
    const leaving = !isNode && isLeaving(object) ? leavingText(object) : undefined;
    return {
      before: JSON.stringify(isNode ? nodePart(object) : object),
      version: textAt(object, "metadata", "resourceVersion"),
      uid: textAt(object, "metadata", "uid"),
      hash: leaving === undefined ? contentHash(ref, object) : LEAVING,
      exact: leaving === undefined ? exactHash(ref, object) : LEAVING,
      // Nothing on a Node tells who wrote its annotations.
      ours: isNode ? undefined : isOurs(this.#context, object),
      ...(leaving === undefined ? {} : { leaving }),
    };
  }

  async #write(
    place: ObjectRef,
    content: JsonObject,
    found: Found | undefined,
    more: Pick<WriteOptions, "dryRun">,
  ): Promise<Written | undefined> {
    if (found?.leaving !== undefined) throw refused(found.leaving);
    const { kubernetes } = this.#context.connections;
    const options = { fieldManager: fieldManager(this.#context), timeoutMs: WRITE_TIMEOUT_MS, ...more };
    const ref = await this.#here(place);
    const object = ref === place ? content : { ...content, apiVersion: ref.apiVersion };
    if (ref.plural === "nodes") return this.#annotate(ref, object, found, options);
    const write = (): Promise<JsonObject> =>
      found === undefined
        ? kubernetes.create(ref, restored(object), options)
        : kubernetes.replace(ref, restored(object, found.version), options);
    const written = await call(this.#context, write);
    return { uid: textAt(written, "metadata", "uid"), exact: exactHash(ref, written) };
  }

  /** A Node is its cluster's: one that is not there is not created. */
  async #annotate(
    ref: ObjectRef,
    object: JsonObject,
    found: Found | undefined,
    options: WriteOptions,
  ): Promise<Written | undefined> {
    if (found === undefined) return undefined;
    const wanted = objectAt(object, "metadata", "annotations");
    const present = objectAt(parseExactJson(found.before) as JsonObject, "metadata", "annotations");
    const added = Object.keys(present).filter((key) => wanted[key] === undefined);
    const annotations = { ...wanted, ...Object.fromEntries(added.map((key) => [key, null])) };
    const patch = { metadata: { annotations, resourceVersion: found.version } };
    const written = await call(this.#context, () =>
      this.#context.connections.kubernetes.patch(ref, patch, {
        ...options,
        fieldManager: NODE_FIELD_MANAGER,
        type: "merge",
        subresource: "status",
      }),
    );
    return { uid: found.uid, exact: exactHash(ref, written) };
  }

  async #quickly(write: () => Promise<Written | undefined>): Promise<Written | undefined> {
    try {
      return await write();
    } catch (error) {
      if (LOST.some((code) => isKubernetesError(error, code))) return undefined;
      throw error;
    }
  }
}

/** Written to without its finalizers, it would be gone at once, and what was put there with it. */
function refused(leaving: string): MigratorError {
  return new MigratorError(
    "RESTORE_REFUSED",
    `${leaving}: nothing can be put in its place before it is gone`,
    {
      next: "Let whoever has set its finalizers take them off, then `resume`.",
    },
  );
}

/** Of a Node, what a restore may change. */
function nodePart(node: JsonObject): JsonObject {
  const annotations = Object.entries(objectAt(node, "metadata", "annotations"));
  const ours = Object.fromEntries(annotations.filter(([key]) => key.startsWith(NODE_PREFIX)));
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: textAt(node, "metadata", "name"), annotations: ours },
  };
}

/**
 * Owners are given back when all are there, by the UIDs that they have then: the garbage collector deletes what belongs to a
 * UID that nobody has.
 */
function contentOf({ line: { object }, withOwners }: ObjectItem): JsonObject {
  if (withOwners === true) return object;
  const { ownerReferences, ...metadata } = objectAt(object, "metadata");
  return { ...object, metadata };
}
