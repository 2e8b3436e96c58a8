import { parseExactJson } from "../../exact-json.ts";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../../json.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { objectAt, objectsAt, textAt } from "../../kubernetes/fields.ts";
import { isRunManager } from "../../kubernetes/managed-fields.ts";
import { readPages } from "../../kubernetes/pages.ts";
import type {
  ApiRequest,
  ApiResponse,
  Change,
  Changes,
  ChangesOptions,
  DeleteOptions,
  KubernetesApi,
  ListOptions,
  ListPage,
  ObjectRef,
  PagesOptions,
  PatchOptions,
  ResourceRef,
  WriteOptions,
} from "../../kubernetes/types.ts";
import { isLeaving } from "../target/leaving.ts";
import { hooked, type WriteHooks } from "./write-hooks.ts";

/** A change, with the path of its object and the version that it led to. */
interface Logged {
  path: string;
  version: number;
  change: Change;
}

/** A Kubernetes API in memory: uid, resourceVersion, managedFields by manager, merge patches, preconditions, paging, changes. */
export class FakeKubernetes implements KubernetesApi {
  /** Around every write. */
  readonly hooks: WriteHooks = {};
  /** API versions whose objects stay when their namespace goes: it is emptied by what discovery prefers. */
  sparedInNamespaces: ReadonlySet<string> = new Set();
  readonly #objects = new Map<string, JsonObject>();
  readonly #log: Logged[] = [];
  #version = 0;
  #compacted = 0;
  #forgotten = 0;

  /** As after a compaction of etcd: lists that have begun do not go on. Changes are told out of the API server's memory. */
  forgetSnapshots(): void {
    this.#compacted = this.#version;
  }

  /** As after a restart besides: what has changed until now is not told any more. */
  forgetChanges(): void {
    this.forgetSnapshots();
    this.#forgotten = this.#version;
  }

  /** Every object without what the server adds, by path. */
  dump(): Record<string, string> {
    const entries = [...this.#objects].map(([path, object]): [string, string] => [path, contentOf(object)]);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The paths of the objects whose managed fields name a run. */
  managedByRuns(): string[] {
    const isManaged = (object: JsonObject): boolean =>
      ownersOf(object).some(({ manager }) => typeof manager === "string" && isRunManager(manager));
    return [...this.#objects].filter(([, object]) => isManaged(object)).map(([path]) => path);
  }

  /** The objects that have owners, by path. */
  owned(): [string, JsonObject][] {
    return [...this.#objects].filter(
      ([, object]) => objectsAt(object, "metadata", "ownerReferences").length > 0,
    );
  }

  request({ method, path }: ApiRequest): Promise<ApiResponse> {
    if (path === "/version") return Promise.resolve({ status: 200, body: { gitVersion: "v1.36.1" } });
    return Promise.reject(new Error(`the fake API server does not know ${method} ${path}`));
  }

  get(ref: ObjectRef): Promise<JsonObject> {
    return settle(() => wire(this.#existing(ref)));
  }

  list(ref: ResourceRef, options: ListOptions = {}): Promise<ListPage> {
    const { version, after } = tokenOf(options.continueToken) ?? this.#start(options);
    if (version < this.#compacted) {
      const details = { continueToken: `${this.#version} ${after}` };
      return Promise.reject(refusal("KUBERNETES_EXPIRED", 410, collection(ref), details));
    }
    const found = this.#snapshot(ref, version).sort(([a], [b]) => (a < b ? -1 : 1));
    const rest = found.filter(([path]) => path > after);
    const page = rest.slice(0, options.limit ?? rest.length);
    const last = page.at(-1)?.[0];
    const more =
      page.length < rest.length && last !== undefined ? { continueToken: `${version} ${last}` } : {};
    const items = page.map(([, object]) => wire(object));
    return Promise.resolve({ items, resourceVersion: String(version), ...more });
  }

  /** What may be older is as old as it may be, while it is remembered. */
  #start({ notOlderThan }: ListOptions): { version: number; after: string } {
    const oldest = notOlderThan === undefined ? this.#version : Number(notOlderThan);
    return { version: oldest < this.#compacted ? this.#version : oldest, after: "" };
  }

  /** The objects of a resource as they were at a version, by path. */
  #snapshot(ref: ResourceRef, version: number): [string, JsonObject][] {
    if (version === this.#version) return [...this.#objects].filter(([path]) => isIn(ref, path));
    const found = new Map<string, JsonObject>();
    for (const { path, change } of this.#log.filter((one) => one.version <= version && isIn(ref, one.path))) {
      if (change.type === "put") found.set(path, change.object);
      else found.delete(path);
    }
    return [...found];
  }

  pages(ref: ResourceRef, options: PagesOptions = {}): AsyncIterable<JsonObject[]> {
    return readPages(this, ref, options);
  }

  changes(ref: ResourceRef, { resourceVersion, limit = 1000 }: ChangesOptions): Promise<Changes> {
    if (Number(resourceVersion) < this.#forgotten)
      return Promise.reject(refusal("KUBERNETES_EXPIRED", 410, collection(ref)));
    const since = this.#log.filter(
      ({ path, version }) => isIn(ref, path) && version > Number(resourceVersion),
    );
    const told = since.slice(0, limit);
    const more = told.length < since.length;
    const upTo = more ? told.at(-1)?.version : this.#version;
    return Promise.resolve({
      events: told.map(({ change: { type, object } }) => ({ type, object: wire(object) })),
      resourceVersion: String(upTo),
      more,
    });
  }

  create(ref: ResourceRef, object: JsonObject, options: WriteOptions = {}): Promise<JsonObject> {
    if (ref.plural === "selfsubjectaccessreviews") return Promise.resolve({ status: { allowed: true } });
    const path = pathOf({ ...ref, name: textAt(object, "metadata", "name") });
    const judge = (): void => {
      this.#refuseWithoutNamespace(ref, path);
      if (this.#objects.has(path)) throw refusal("KUBERNETES_ALREADY_EXISTS", 409, path);
    };
    if (options.dryRun === true) return this.#tried(`create ${path}`, object, judge);
    return hooked(this.hooks, `create ${path}`, () => {
      judge();
      return this.#store(path, object, { uid: uidOf(this.#version + 1) }, [], options);
    });
  }

  #refuseWithoutNamespace({ namespace }: ResourceRef, path: string): void {
    if (namespace === undefined) return;
    const found = this.#objects.get(`v1/namespaces/${namespace}`);
    if (found === undefined) throw refusal("KUBERNETES_NOT_FOUND", 404, path);
    if (isLeaving(found)) throw refusal("KUBERNETES_NAMESPACE_TERMINATING", 403, path);
  }

  /** What the server says to a dry run, which is no write. */
  #tried(write: string, object: JsonObject, judge: () => void): Promise<JsonObject> {
    return settle(() => {
      judge();
      return wire(this.hooks.dryRun?.(write, object) ?? object);
    });
  }

  replace(ref: ObjectRef, object: JsonObject, options: WriteOptions = {}): Promise<JsonObject> {
    const path = pathOf(ref);
    const judged = (): JsonObject => {
      const before = this.#existing(ref);
      const wanted = textAt(object, "metadata", "resourceVersion");
      if (wanted !== "" && wanted !== textAt(before, "metadata", "resourceVersion"))
        throw refusal("KUBERNETES_CONFLICT", 409, path);
      return before;
    };
    if (options.dryRun === true) return this.#tried(`replace ${path}`, object, judged);
    return hooked(this.hooks, `replace ${path}`, () => this.#update(path, judged(), object, options));
  }

  patch(ref: ObjectRef, body: JsonObject | JsonObject[], options: PatchOptions): Promise<JsonObject> {
    const path = pathOf(ref);
    if (options.dryRun === true)
      return this.#tried(`patch ${path}`, this.#objects.get(path) ?? {}, () => this.#existing(ref));
    return hooked(this.hooks, `patch ${path}`, () => {
      const before = this.#existing(ref);
      if (options.type !== "merge" || !isJsonObject(body)) throw new Error("only merge patches are known");
      return this.#update(path, before, merged(before, body), options);
    });
  }

  delete(ref: ObjectRef, options: DeleteOptions = {}): Promise<JsonObject> {
    const path = pathOf(ref);
    if (options.dryRun === true)
      return this.#tried(`delete ${path}`, { kind: "Status" }, () => this.#existing(ref));
    return hooked(this.hooks, `delete ${path}`, () => {
      const before = this.#existing(ref);
      if (options.uid !== undefined && options.uid !== textAt(before, "metadata", "uid"))
        throw refusal("KUBERNETES_CONFLICT", 409, path);
      const { resourceVersion = textAt(before, "metadata", "resourceVersion") } = options;
      if (resourceVersion !== textAt(before, "metadata", "resourceVersion"))
        throw refusal("KUBERNETES_CONFLICT", 409, path);
      if (before["kind"] === "Namespace") this.#empty(ref.name);
      if (isHeld(before)) {
        if (isLeaving(before)) return wire(before);
        const metadata = { ...objectAt(before, "metadata"), deletionTimestamp: "2026-01-01T00:00:00Z" };
        return this.#keep(path, { ...before, metadata }, ownersOf(before));
      }
      return this.#drop(path, before);
    });
  }

  /** What is in a namespace goes with it, first of all, whatever holds the namespace itself. */
  #empty(namespace: string): void {
    for (const [path, object] of [...this.#objects]) {
      const isSpared = this.sparedInNamespaces.has(textAt(object, "apiVersion"));
      if (textAt(object, "metadata", "namespace") === namespace && !isSpared) this.#drop(path, object);
    }
  }

  #drop(path: string, before: JsonObject): JsonObject {
    this.#objects.delete(path);
    const metadata = { ...objectAt(before, "metadata"), resourceVersion: String(++this.#version) };
    this.#note(path, { type: "deleted", object: { ...before, metadata } });
    return { kind: "Status", status: "Success" };
  }

  #existing(ref: ObjectRef): JsonObject {
    const found = this.#objects.get(pathOf(ref));
    if (found === undefined) throw refusal("KUBERNETES_NOT_FOUND", 404, pathOf(ref));
    return found;
  }

  /**
   * A write that changes nothing leaves the object at its version, and its managers as they were; one that changes nothing but
   * these leaves no trace of its own.
   */
  #update(path: string, before: JsonObject, wanted: JsonObject, options: WriteOptions): JsonObject {
    const object = isLeaving(before) ? stillLeaving(path, before, wanted) : wanted;
    const given = ownersGiven(object) ?? ownersOf(before);
    if (contentOf(before) === contentOf(wire(object))) {
      if (canonicalJson([...given]) === canonicalJson([...ownersOf(before)])) return wire(before);
      return this.#keep(path, before, given);
    }
    if (textAt(object, "metadata", "deletionTimestamp") !== "" && !isHeld(object))
      return this.#drop(path, before);
    const uid = textAt(before, "metadata", "uid");
    return this.#store(path, object, { uid }, given, options);
  }

  #store(
    path: string,
    object: JsonObject,
    identity: { uid: string },
    owners: readonly JsonObject[],
    { fieldManager = "user" }: WriteOptions,
  ): JsonObject {
    const others = owners.filter(({ manager }) => manager !== fieldManager);
    const metadata = { ...objectAt(object, "metadata"), ...identity };
    const managers = [...others, { manager: fieldManager, operation: "Update" }];
    return this.#keep(path, { ...object, metadata }, managers);
  }

  #keep(path: string, object: JsonObject, managedFields: readonly JsonObject[]): JsonObject {
    this.#version++;
    const resourceVersion = String(this.#version);
    const metadata = { ...objectAt(object, "metadata"), resourceVersion, managedFields: [...managedFields] };
    const stored = wire({ ...object, metadata });
    this.#objects.set(path, stored);
    this.#note(path, { type: "put", object: stored });
    return wire(stored);
  }

  #note(path: string, change: Change): void {
    this.#log.push({ path, version: this.#version, change });
  }
}

function ownersOf(object: JsonObject): readonly JsonObject[] {
  return objectsAt(object, "metadata", "managedFields");
}

/** An empty list is as good as none; one empty entry takes all of them away. */
function ownersGiven(object: JsonObject): readonly JsonObject[] | undefined {
  const given = ownersOf(object);
  if (given.length === 0) return undefined;
  return given.filter((entry) => Object.keys(entry).length > 0);
}

/** What is left of an object on its way to the server or back. */
function wire(object: JsonObject): JsonObject {
  return parseExactJson(JSON.stringify(object)) as JsonObject;
}

function settle<T>(act: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(act());
  });
}

function uidOf(version: number): string {
  // No UID here is one that Calico's API server shows for another.
  return `0a000000-0000-4000-8000-${version.toString(16).padStart(12, "0")}`;
}

/** Of which version a list is, and the last path that it has shown. */
function tokenOf(continueToken = ""): { version: number; after: string } | undefined {
  const [version, after] = continueToken.split(" ", 2);
  return after === undefined ? undefined : { version: Number(version), after };
}

function collection({ apiVersion, plural }: ResourceRef): string {
  return `${apiVersion}/${plural}/`;
}

function isIn(ref: ResourceRef, path: string): boolean {
  return path.startsWith(`${collection(ref)}${ref.namespace === undefined ? "" : `${ref.namespace}/`}`);
}

function pathOf(ref: ObjectRef): string {
  return `${collection(ref)}${ref.namespace === undefined ? "" : `${ref.namespace}/`}${ref.name}`;
}

function refusal(code: string, status: number, path: string, details = {}): KubernetesApiError {
  const reason = status === 404 ? "NotFound" : "";
  return new KubernetesApiError(code, `${path}: ${code}`, { next: "", status, reason, details });
}

/** What of an object a client decides; the server may keep or drop labels and annotations that are empty. */
function contentOf(object: JsonObject): string {
  const { uid, resourceVersion, managedFields, ...metadata } = objectAt(object, "metadata");
  const kept = Object.entries(metadata).filter(
    ([, value]) => !isJsonObject(value) || Object.keys(value).length > 0,
  );
  return canonicalJson({ ...object, metadata: Object.fromEntries(kept) });
}

/** An object with finalizers stays when it is deleted, until the last of them is taken off. */
function isHeld(object: JsonObject): boolean {
  const { finalizers } = objectAt(object, "metadata");
  return Array.isArray(finalizers) && finalizers.length > 0;
}

/** Nobody takes a deletion back, or has more to do before it ends. */
function stillLeaving(path: string, before: JsonObject, wanted: JsonObject): JsonObject {
  const { deletionTimestamp = null, finalizers: there } = objectAt(before, "metadata");
  const { finalizers } = objectAt(wanted, "metadata");
  const isNew = (one: Json): boolean => !(Array.isArray(there) && there.includes(one));
  if (Array.isArray(finalizers) && finalizers.some(isNew)) throw refusal("KUBERNETES_INVALID", 422, path);
  return { ...wanted, metadata: { ...objectAt(wanted, "metadata"), deletionTimestamp } };
}

function merged(before: JsonObject, changes: JsonObject): JsonObject {
  const entries = new Map(Object.entries(before));
  for (const [key, value] of Object.entries(changes)) {
    const old = entries.get(key);
    if (value === null) entries.delete(key);
    else entries.set(key, isJsonObject(value) ? merged(isJsonObject(old) ? old : {}, value) : value);
  }
  return Object.fromEntries(entries);
}
