import type { JsonObject } from "../json.ts";

/** A resource of the API: all objects of one type (without `namespace`), or those in one namespace. */
export interface ResourceRef {
  /** `v1`, `apps/v1`, `crd.projectcalico.org/v1`: as in an object's apiVersion. */
  apiVersion: string;
  /** The lower-case plural that the path uses, for example `networkpolicies`. */
  plural: string;
  /** Left out for cluster-scoped resources, and to list all namespaces. */
  namespace?: string | undefined;
}

/** One object of a resource. */
export interface ObjectRef extends ResourceRef {
  name: string;
}

/** What every call accepts. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Milliseconds until the call fails with KUBERNETES_TIMEOUT; each try of a read has its own. Default 30,000. */
  timeoutMs?: number | undefined;
}

/** The names of HTTP methods that the API server knows. */
export type HttpMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Values of a query string; what is undefined is left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** One request in the terms of HTTP. */
export interface ApiRequest extends CallOptions {
  method: HttpMethod;
  /** An absolute path under the server's URL, already percent-encoded (see `resourcePath`). */
  path: string;
  query?: Query | undefined;
  /** A string is sent as it is. */
  body?: JsonObject | string | undefined;
  /** Default `application/json`. */
  contentType?: string | undefined;
  /** The Accept header. Default `application/json`. */
  accept?: string | undefined;
}

/** An answer of status 2xx. */
export interface ApiResponse {
  status: number;
  body: JsonObject;
}

/** How to list. */
export interface ListOptions extends CallOptions {
  /** Objects per answer; the server may give fewer. Without it the answer holds all. */
  limit?: number | undefined;
  /** `continueToken` of the answer before. */
  continueToken?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /** Ask for PartialObjectMetadata: apiVersion, kind and metadata only. */
  metadataOnly?: boolean | undefined;
  /**
   * Take an answer that is at least as new as this resourceVersion, without asking etcd how far it is: out of the API server's
   * memory, but with a limit of servers before 1.34 out of etcd.
   */
  notOlderThan?: string | undefined;
}

/** One answer to a list. */
export interface ListPage {
  /** Each with its apiVersion and kind, also where the server leaves them out of list items. */
  items: JsonObject[];
  /** Present while there is more. */
  continueToken?: string;
  /** Of the collection, as of the first page. */
  resourceVersion: string;
}

/** How to walk a whole list. */
export interface PagesOptions extends Omit<ListOptions, "limit" | "continueToken"> {
  /** Objects per page. Default 500. */
  pageSize?: number | undefined;
}

/** From where to tell changes, and how many at once. */
export interface ChangesOptions extends CallOptions {
  /** Of a list of the same resource, or of the answer before: changes after it are told. */
  resourceVersion: string;
  /** The most events in one answer. Default 1,000; fewer are given when they exceed 16 MiB of JSON. */
  limit?: number | undefined;
}

/** One write to an object. */
export interface Change {
  /** Created or changed, or deleted; with `deleted`, the object is as it was before, at the version of its deletion. */
  type: "put" | "deleted";
  object: JsonObject;
}

/** What happened in a resource between two resourceVersions. */
export interface Changes {
  /** In the order in which they happened; an object that was written twice is in it twice. */
  events: Change[];
  /** Up to where the events are complete: from where to go on. */
  resourceVersion: string;
  /** True when the limit was met before the present was reached. */
  more: boolean;
}

/**
 * Runs one request for code that does not know its surroundings. The caller puts around it what every request needs: a
 * limiter, the check of its lease right before it is sent, tries.
 */
export type Send = <T>(request: (api: KubernetesApi) => Promise<T>) => Promise<T>;

/** What every write accepts. */
export interface WriteOptions extends CallOptions {
  fieldManager?: string | undefined;
  /** `Strict` makes the server refuse fields that it would drop. Default: the server's (`Warn`). */
  fieldValidation?: "Strict" | "Warn" | "Ignore" | undefined;
  /** Ask the server to judge the write without making it. */
  dryRun?: boolean | undefined;
}

/** The patch formats in use: JSON merge patch, server-side apply, JSON patch. */
export type PatchType = "merge" | "apply" | "json";

/** How to patch. */
export interface PatchOptions extends WriteOptions {
  type: PatchType;
  /** For example `status` or `scale`. */
  subresource?: string | undefined;
  /** With `apply`: take fields that another manager owns instead of failing with KUBERNETES_CONFLICT. */
  force?: boolean | undefined;
}

/** How to delete. */
export interface DeleteOptions extends CallOptions {
  /** Delete only the object of this UID: KUBERNETES_CONFLICT when another has taken the name. */
  uid?: string | undefined;
  /** Delete only while the object is at this version: KUBERNETES_CONFLICT otherwise. */
  resourceVersion?: string | undefined;
  propagationPolicy?: "Foreground" | "Background" | "Orphan" | undefined;
  dryRun?: boolean | undefined;
}

/**
 * What this project needs of a Kubernetes API server. Every method throws KubernetesApiError when the server refuses
 * or cannot be reached. Reads whose connection breaks are tried again twice; writes never are: a write whose error says
 * `outcomeUnknown` may have happened, so look before redoing it.
 */
export interface KubernetesApi {
  /** Sends one request. Throws for any status that is not 2xx. */
  request(request: ApiRequest): Promise<ApiResponse>;

  /** Reads one object. */
  get(ref: ObjectRef, options?: CallOptions): Promise<JsonObject>;

  /** Reads one page of a list (all of it without a limit). */
  list(ref: ResourceRef, options?: ListOptions): Promise<ListPage>;

  /**
   * Walks a whole list, a page at a time, never holding more than one page. The pages are one consistent snapshot unless
   * the server compacts it away on the way (410 Gone). The walk then goes on at a later snapshot with the token that the
   * answer gives, and then promises only: every object that existed during the whole walk is given exactly once; objects
   * created or deleted meanwhile may be missing or present. Where the answer gives no token the walk starts again from the
   * beginning, and objects may be given more than once. Empty pages are not given.
   */
  pages(ref: ResourceRef, options?: PagesOptions): AsyncIterable<JsonObject[]>;

  /**
   * Every write to a resource after a resourceVersion, none left out and none twice, up to a version that is not older than
   * the moment of the call: a write that the server had acknowledged by then is told. Where there were any writes to the
   * cluster since, an answer takes 1 to 3 seconds. Default timeout: 30 s for all of it.
   *
   * Throws KUBERNETES_EXPIRED when the server cannot tell: then list the resource and compare. A kube-apiserver remembers
   * the changes of the last 75 seconds, and of a resource at least the last 100; it forgets all of them when it starts, and
   * those of a custom resource when its CustomResourceDefinition changes. So ask again within a minute to keep up.
   */
  changes(ref: ResourceRef, options: ChangesOptions): Promise<Changes>;

  /** Creates an object (POST) and returns it as stored. `ref.namespace` decides where. */
  create(ref: ResourceRef, object: JsonObject, options?: WriteOptions): Promise<JsonObject>;

  /** Replaces an object (PUT). With metadata.resourceVersion in it, only while the object is at that version. */
  replace(ref: ObjectRef, object: JsonObject, options?: WriteOptions): Promise<JsonObject>;

  /** Patches an object and returns the result. A JSON patch is the array of its operations; `apply` needs a fieldManager. */
  patch(ref: ObjectRef, body: JsonObject | JsonObject[], options: PatchOptions): Promise<JsonObject>;

  /** Deletes an object; returns the server's answer (a Status, or the object while finalizers hold it). */
  delete(ref: ObjectRef, options?: DeleteOptions): Promise<JsonObject>;
}

/** What only reads of a cluster. */
export interface KubernetesReads extends Pick<KubernetesApi, "get" | "list" | "pages"> {
  request(request: ApiRequest & { method: "GET" }): Promise<ApiResponse>;
}
