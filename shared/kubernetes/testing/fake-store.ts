import { isJsonObject, type JsonObject } from "../../json.ts";
import { objectAt, textAt } from "../fields.ts";

/** An answer of the fake API server. */
export interface FakeAnswer {
  status: number;
  body: JsonObject;
}

/** What a path means: a collection, or one object of it. */
export interface FakeTarget {
  apiVersion: string;
  plural: string;
  namespace: string;
  name: string | undefined;
}

/** The objects of a fake API server: create, read, list in pages, replace, merge, delete, with their preconditions. */
export class FakeStore {
  readonly #objects = new Map<string, JsonObject>();
  #version = 0;

  /** All objects of a resource, over all namespaces, by key. */
  all(plural: string): JsonObject[] {
    return this.#entries((key) => key.split("|")[1] === plural).map(([, object]) => object);
  }

  get(target: FakeTarget): FakeAnswer {
    const object = this.#objects.get(keyOf(target, target.name));
    return object === undefined ? notFound(target) : { status: 200, body: object };
  }

  list(target: FakeTarget, query: URLSearchParams): FakeAnswer {
    const limit = Number(query.get("limit") ?? Infinity);
    const after = query.get("continue") ?? "";
    const scope = `${target.apiVersion}|${target.plural}|${target.namespace === "" ? "" : `${target.namespace}|`}`;
    const rest = this.#entries((key) => key.startsWith(scope) && key > after);
    const page = rest.slice(0, limit);
    const last = page.at(-1)?.[0];
    const more = page.length < rest.length && last !== undefined ? { continue: last } : {};
    return {
      status: 200,
      body: {
        apiVersion: target.apiVersion,
        kind: "FakeList",
        metadata: { resourceVersion: String(this.#version), ...more },
        items: page.map(([, object]) => ({ ...object, apiVersion: undefined, kind: undefined })),
      },
    };
  }

  create(target: FakeTarget, object: JsonObject): FakeAnswer {
    const name = textAt(object, "metadata", "name");
    const key = keyOf(target, name);
    if (this.#objects.has(key))
      return failure(409, "AlreadyExists", `${target.plural} "${name}" already exists`, name);
    return { status: 201, body: this.#put(key, object, { uid: uidOf(this.#version + 1) }) };
  }

  replace(target: FakeTarget, object: JsonObject): FakeAnswer {
    const key = keyOf(target, target.name);
    const before = this.#objects.get(key);
    if (before === undefined) return notFound(target);
    const wanted = textAt(object, "metadata", "resourceVersion");
    if (wanted !== "" && wanted !== textAt(before, "metadata", "resourceVersion")) return conflict(target);
    return { status: 200, body: this.#put(key, object, { uid: textAt(before, "metadata", "uid") }) };
  }

  /** Merges `changes`; with `apply` it creates what is not there. */
  patch(target: FakeTarget, changes: JsonObject, apply: boolean): FakeAnswer {
    const key = keyOf(target, target.name);
    const before = this.#objects.get(key);
    if (before === undefined && apply) return this.create(target, changes);
    if (before === undefined) return notFound(target);
    return { status: 200, body: this.#put(key, merge(before, changes), {}) };
  }

  delete(target: FakeTarget, options: JsonObject): FakeAnswer {
    const key = keyOf(target, target.name);
    const object = this.#objects.get(key);
    if (object === undefined) return notFound(target);
    for (const field of ["uid", "resourceVersion"]) {
      const wanted = textAt(options, "preconditions", field);
      if (wanted !== "" && wanted !== textAt(object, "metadata", field)) return conflict(target);
    }
    this.#objects.delete(key);
    return { status: 200, body: { apiVersion: "v1", kind: "Status", status: "Success" } };
  }

  #put(key: string, object: JsonObject, identity: JsonObject): JsonObject {
    this.#version++;
    const metadata = { ...objectAt(object, "metadata"), ...identity, resourceVersion: String(this.#version) };
    const stored = { ...object, metadata };
    this.#objects.set(key, stored);
    return stored;
  }

  #entries(wanted: (key: string) => boolean): [string, JsonObject][] {
    return [...this.#objects].filter(([key]) => wanted(key)).sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

/** A Status of the API server that tells of a failure. */
export function failure(status: number, reason: string, message: string, name?: string): FakeAnswer {
  const details = name === undefined ? {} : { name };
  return {
    status,
    body: { apiVersion: "v1", kind: "Status", status: "Failure", reason, message, details, code: status },
  };
}

function notFound(target: FakeTarget): FakeAnswer {
  return failure(404, "NotFound", `${target.plural} "${target.name ?? ""}" not found`);
}

function conflict(target: FakeTarget): FakeAnswer {
  return failure(409, "Conflict", `${target.plural} "${target.name ?? ""}": the precondition does not hold`);
}

function keyOf(target: FakeTarget, name: string | undefined): string {
  return `${target.apiVersion}|${target.plural}|${target.namespace}|${name ?? ""}`;
}

function merge(before: JsonObject, changes: JsonObject): JsonObject {
  const result: JsonObject = { ...before };
  for (const [key, value] of Object.entries(changes)) {
    const old = result[key];
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = isJsonObject(value) && isJsonObject(old) ? merge(old, value) : value;
  }
  return result;
}

function uidOf(version: number): string {
  return `00000000-0000-4000-8000-${String(version).padStart(12, "0")}`;
}
