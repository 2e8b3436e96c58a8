import type { ObjectRef, Query, ResourceRef } from "./types.ts";

/** What a request is about, in the terms of RBAC. */
export interface RequestSubject {
  verb: string;
  /** Empty for the core group. */
  group: string;
  /** Empty for paths outside the resource tree, such as `/version`. */
  resource: string;
  subresource?: string;
  namespace?: string;
  name?: string;
}

/** The root of an API version: `/api/v1` for the core group, `/apis/<group>/<version>` for all others. */
export function versionPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

/** The percent-encoded path of a resource or of one object, optionally of its subresource. */
export function resourcePath(ref: ResourceRef & { name?: string | undefined }, subresource?: string): string {
  let path = versionPath(ref.apiVersion);
  if (ref.namespace !== undefined) path += `/namespaces/${encodeURIComponent(ref.namespace)}`;
  path += `/${ref.plural}`;
  if (ref.name !== undefined) path += `/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** An object as people are told of it: `networkpolicies shop/web`. */
export function objectPlace({
  plural,
  namespace,
  name,
}: Pick<ObjectRef, "plural" | "namespace" | "name">): string {
  return `${plural} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/** A query string with its `?`, or nothing when no value is defined. */
export function queryString(query: Query | undefined): string {
  if (query === undefined) return "";
  let text = "";
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) text += `${text === "" ? "?" : "&"}${key}=${encodeURIComponent(value)}`;
  }
  return text;
}

/** The subject as a phrase: verb, resource, name, namespace; or verb and path. */
export function describeSubject(subject: RequestSubject): string {
  if (subject.resource === "") return `${subject.verb} ${subject.name ?? ""}`;
  const group = subject.group === "" ? "" : `.${subject.group}`;
  const subresource = subject.subresource === undefined ? "" : `/${subject.subresource}`;
  const name = subject.name === undefined ? "" : ` "${subject.name}"`;
  const namespace = subject.namespace === undefined ? "" : ` in namespace "${subject.namespace}"`;
  return `${subject.verb} ${subject.resource}${group}${subresource}${name}${namespace}`;
}

const collectionVerbs: Record<string, string> = { GET: "list", DELETE: "deletecollection" };
const objectVerbs: Record<string, string> = { GET: "get", PUT: "update", PATCH: "patch", DELETE: "delete" };
const namespaceSubresources = new Set(["status", "finalize"]);

/** Reads back what a method and a path mean to RBAC. Paths outside the resource tree are given as `name`. */
export function requestSubject(method: string, path: string): RequestSubject {
  const segments = path.split("?")[0]?.split("/").slice(1).map(decodeURIComponent) ?? [];
  const core = segments[0] === "api";
  const rest = segments.slice(core ? 2 : 3);
  if ((!core && segments[0] !== "apis") || rest.length === 0) {
    return { verb: method.toLowerCase(), group: "", resource: "", name: path };
  }
  const group = core ? "" : (segments[1] ?? "");
  const inNamespace =
    rest[0] === "namespaces" && rest[2] !== undefined && !namespaceSubresources.has(rest[2]);
  const [resource = "", name, subresource] = inNamespace ? rest.slice(2) : rest;
  const verbs = name === undefined ? collectionVerbs : objectVerbs;
  return {
    verb: verbs[method] ?? (method === "POST" ? "create" : method.toLowerCase()),
    group,
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(inNamespace && rest[1] !== undefined ? { namespace: rest[1] } : {}),
    ...(name === undefined ? {} : { name }),
  };
}
