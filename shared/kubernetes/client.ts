import { setTimeout as delay } from "node:timers/promises";
import { parseExactJson } from "../exact-json.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { errorOfAnswer, type RawAnswer, unreadableAnswer } from "./answers.ts";
import { readChanges, type WatchRequest } from "./changes.ts";
import { KubernetesApiError } from "./errors.ts";
import { errorOfFailure, TransportFailure } from "./failures.ts";
import { objectsAt, textAt } from "./fields.ts";
import { readPages } from "./pages.ts";
import { queryString, resourcePath } from "./paths.ts";
import type { Session } from "./session.ts";
import { exchange, type RawRequest } from "./transport.ts";
import { LineReader } from "./watch-lines.ts";
import type {
  ApiRequest,
  ApiResponse,
  CallOptions,
  Changes,
  ChangesOptions,
  DeleteOptions,
  KubernetesApi,
  ListOptions,
  ListPage,
  ObjectRef,
  PagesOptions,
  PatchOptions,
  PatchType,
  Query,
  ResourceRef,
  WriteOptions,
} from "./types.ts";

const defaultTimeoutMs = 30_000;
/** Waits before the second and third try of a read whose connection broke. */
const readRetryDelaysMs = [100, 400];
const metadataList = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

const patchTypes: Record<PatchType, string> = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  // JSON is YAML, and servers before 1.36 know apply by this name only.
  apply: "application/apply-patch+yaml",
};

/** A request, and whether its answer comes only when something has happened. */
type AnyRequest = ApiRequest & Partial<Pick<RawRequest, "waits">>;

/** KubernetesApi over kept-alive connections. Close it when done. */
export class KubernetesClient implements KubernetesApi {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The URL of the API server. */
  get server(): string {
    return this.#session.server;
  }

  /** The name of the kubeconfig context in use. */
  get context(): string {
    return this.#session.context;
  }

  /** Waits for requests in flight, then closes all connections. */
  close(): Promise<void> {
    return this.#session.close();
  }

  async request(request: AnyRequest): Promise<ApiResponse> {
    const answer = await this.#answer(request);
    if (answer.status < 200 || answer.status > 299) throw errorOfAnswer(request.method, request.path, answer);
    return { status: answer.status, body: parseBody(request, answer) };
  }

  async get(ref: ObjectRef, options: CallOptions = {}): Promise<JsonObject> {
    return this.#body({ ...options, method: "GET", path: resourcePath(ref) });
  }

  async list(ref: ResourceRef, options: ListOptions = {}): Promise<ListPage> {
    const { limit, continueToken, labelSelector, fieldSelector, metadataOnly, notOlderThan, ...call } =
      options;
    const resourceVersionMatch = notOlderThan === undefined ? undefined : "NotOlderThan";
    const body = await this.#body({
      ...call,
      method: "GET",
      path: collectionPath(ref),
      query: {
        limit,
        continue: continueToken,
        labelSelector,
        fieldSelector,
        resourceVersion: notOlderThan,
        resourceVersionMatch,
      },
      ...(metadataOnly === true ? { accept: metadataList } : {}),
      // The server answers once its memory has come that far.
      waits: notOlderThan !== undefined,
    });
    return listPage(body);
  }

  pages(ref: ResourceRef, options: PagesOptions = {}): AsyncIterable<JsonObject[]> {
    return readPages(this, ref, options);
  }

  changes(ref: ResourceRef, options: ChangesOptions): Promise<Changes> {
    const source = {
      list: (what: ResourceRef, how: ListOptions) => this.list(what, how),
      watch: (watch: WatchRequest) => this.#watch(watch),
    };
    return readChanges(source, ref, options);
  }

  async create(ref: ResourceRef, object: JsonObject, options: WriteOptions = {}): Promise<JsonObject> {
    return this.#body({
      ...call(options),
      method: "POST",
      path: collectionPath(ref),
      query: writeQuery(options),
      body: object,
    });
  }

  async replace(ref: ObjectRef, object: JsonObject, options: WriteOptions = {}): Promise<JsonObject> {
    return this.#body({
      ...call(options),
      method: "PUT",
      path: resourcePath(ref),
      query: writeQuery(options),
      body: object,
    });
  }

  async patch(ref: ObjectRef, body: JsonObject | JsonObject[], options: PatchOptions): Promise<JsonObject> {
    return this.#body({
      ...call(options),
      method: "PATCH",
      path: resourcePath(ref, options.subresource),
      query: { ...writeQuery(options), force: options.force },
      body: JSON.stringify(body),
      contentType: patchTypes[options.type],
    });
  }

  async delete(ref: ObjectRef, options: DeleteOptions = {}): Promise<JsonObject> {
    return this.#body({
      ...call(options),
      method: "DELETE",
      path: resourcePath(ref),
      // The API server goes by the body; audit logs and whoever stands in between see the query.
      query: { dryRun: options.dryRun === true ? "All" : undefined },
      body: deleteBody(options),
    });
  }

  async #body(request: AnyRequest): Promise<JsonObject> {
    return (await this.request(request)).body;
  }

  /** Never tried again after a broken connection: what it gave until then counts. */
  async #watch({
    ref,
    resourceVersion,
    timeoutSeconds,
    take,
    signal,
    timeoutMs,
  }: WatchRequest): Promise<void> {
    const path = collectionPath(ref);
    const query = { watch: true, resourceVersion, timeoutSeconds, allowWatchBookmarks: true };
    const lines = new LineReader(take);
    const raw = serialise({ method: "GET", path, query, signal, timeoutMs, waits: true });
    const answer = await this.#attempt({ method: "GET", path }, { ...raw, sink: (part) => lines.add(part) });
    if (answer.status !== 200) throw errorOfAnswer("GET", path, answer);
    lines.throwFailure();
  }

  async #answer(request: AnyRequest): Promise<RawAnswer> {
    const raw = serialise(request);
    if (request.method !== "GET") return this.#attempt(request, raw);
    for (const wait of readRetryDelaysMs) {
      try {
        return await this.#attempt(request, raw);
      } catch (error) {
        if (!isBrokenConnection(error)) throw error;
      }
      await delay(wait);
    }
    return this.#attempt(request, raw);
  }

  /** One try, and a second one with renewed credentials if the first ones are refused: then nothing was done yet. */
  async #attempt(request: Pick<ApiRequest, "method" | "path">, raw: RawRequest): Promise<RawAnswer> {
    const line = await this.#session.current();
    try {
      const answer = await exchange(line, raw);
      if (answer.status !== 401) return answer;
      const renewed = await this.#session.renew(line);
      return renewed === line ? answer : await exchange(renewed, raw);
    } catch (error) {
      if (!(error instanceof TransportFailure)) throw error;
      throw errorOfFailure(request.method, request.path, line.origin, error);
    }
  }
}

/** A name in the reference, as of an object to create, is no part of its collection's path. */
function collectionPath({ apiVersion, plural, namespace }: ResourceRef): string {
  return resourcePath({ apiVersion, plural, namespace });
}

function isBrokenConnection(error: unknown): boolean {
  return (
    error instanceof KubernetesApiError &&
    (error.code === "KUBERNETES_CONNECTION_LOST" || error.code === "KUBERNETES_UNREACHABLE")
  );
}

function serialise(request: AnyRequest): RawRequest {
  const { body } = request;
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["content-type"] = request.contentType ?? "application/json";
  if (request.accept !== undefined) headers["accept"] = request.accept;
  return {
    method: request.method,
    path: request.path + queryString(request.query),
    headers,
    body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body),
    timeoutMs: request.timeoutMs ?? defaultTimeoutMs,
    signal: request.signal,
    waits: request.waits ?? false,
  };
}

function parseBody(request: ApiRequest, answer: RawAnswer): JsonObject {
  let body: unknown;
  try {
    body = parseExactJson(answer.text);
  } catch {
    // Not JSON: told below.
  }
  if (!isJsonObject(body)) throw unreadableAnswer(request.method, request.path, answer.status);
  return body;
}

function call({ signal, timeoutMs }: CallOptions): CallOptions {
  return { signal, timeoutMs };
}

function writeQuery({ fieldManager, fieldValidation, dryRun }: WriteOptions): Query {
  return { fieldManager, fieldValidation, dryRun: dryRun === true ? "All" : undefined };
}

function deleteBody({ uid, resourceVersion, propagationPolicy, dryRun }: DeleteOptions): JsonObject {
  const preconditions =
    uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
  return {
    apiVersion: "v1",
    kind: "DeleteOptions",
    preconditions,
    propagationPolicy,
    dryRun: dryRun === true ? ["All"] : undefined,
  };
}

/** Built-in types are listed without the items' own apiVersion and kind; a reader of one item needs them. */
function listPage(body: JsonObject): ListPage {
  const apiVersion = textAt(body, "apiVersion");
  const kind = textAt(body, "kind").replace(/List$/, "");
  const items = objectsAt(body, "items").map((item) =>
    item["kind"] === undefined ? { apiVersion, kind, ...item } : item,
  );
  const page: ListPage = { items, resourceVersion: textAt(body, "metadata", "resourceVersion") };
  const token = textAt(body, "metadata", "continue");
  if (token !== "") page.continueToken = token;
  return page;
}
