import type { JsonObject } from "../../../json.ts";
import { KubernetesApiError } from "../../errors.ts";
import { objectAt, textAt } from "../../fields.ts";
import { readPages } from "../../pages.ts";
import { type FakeAnswer, FakeStore, type FakeTarget } from "../../testing/fake-store.ts";
import type {
  ApiRequest,
  ApiResponse,
  KubernetesApi,
  ListOptions,
  ListPage,
  ObjectRef,
  PagesOptions,
  ResourceRef,
} from "../../types.ts";
import { GITOPS_KINDS } from "../kinds.ts";

const BUNDLE_DEPLOYMENTS = {
  group: "fleet.cattle.io",
  kind: "BundleDeployment",
  plural: "bundledeployments",
};
const KINDS = [...GITOPS_KINDS, BUNDLE_DEPLOYMENTS];

/** Versions of the tools' groups, as a cluster serves them. */
export const SERVED: Readonly<Record<string, string>> = {
  "argoproj.io": "v1alpha1",
  "kustomize.toolkit.fluxcd.io": "v1",
  "helm.toolkit.fluxcd.io": "v2",
  "fleet.cattle.io": "v1alpha1",
};

/** A cluster with GitOps tools, in memory: discovery, lists in pages, reads, and merge patches with their precondition. */
export class FakeCluster {
  readonly store = new FakeStore();
  /** Called before every patch is made; may write to the cluster, and may throw. */
  beforePatch: ((ref: ObjectRef) => void) | undefined;
  /** Called after every patch was made; one that throws makes its answer get lost. */
  afterPatch: ((ref: ObjectRef) => void) | undefined;
  readonly patches: ObjectRef[] = [];
  /** The most objects that were in one answer. */
  largestPage = 0;
  readonly #served: Readonly<Record<string, string>>;

  constructor(served: Readonly<Record<string, string>> = SERVED) {
    this.#served = served;
  }

  /** What the code under test uses of the API; anything else is not there. */
  get api(): KubernetesApi {
    const api = {
      request: (request: ApiRequest) => this.#request(request),
      get: (ref: ObjectRef) => settle(() => unwrap(this.store.get(targetOf(ref)))),
      list: (ref: ResourceRef, options?: ListOptions) => settle(() => this.#list(ref, options ?? {})),
      pages: (ref: ResourceRef, options?: PagesOptions) => readPages(api, ref, options ?? {}),
      patch: (ref: ObjectRef, body: JsonObject) => settle(() => this.#patch(ref, body)),
    };
    return api as unknown as KubernetesApi;
  }

  /** Creates an object of a tool, as its owner would. */
  add(kind: string, namespace: string, name: string, rest: JsonObject = {}): ObjectRef {
    const ref = this.ref(kind, namespace, name);
    const metadata = { ...objectAt(rest, "metadata"), namespace, name };
    this.store.create(targetOf(ref), { apiVersion: ref.apiVersion, kind, ...rest, metadata });
    return ref;
  }

  /** Merges into an object, as a person or a controller would. */
  change(ref: ObjectRef, body: JsonObject): void {
    this.store.patch(targetOf(ref), body, false);
  }

  remove(ref: ObjectRef): void {
    this.store.delete(targetOf(ref), {});
  }

  /** An object without what the server adds. */
  content(ref: ObjectRef): JsonObject {
    const object = unwrap(this.store.get(targetOf(ref)));
    return { ...object, metadata: { ...objectAt(object, "metadata"), resourceVersion: undefined } };
  }

  uid(ref: ObjectRef): string {
    return textAt(this.content(ref), "metadata", "uid");
  }

  ref(kind: string, namespace: string, name: string): ObjectRef {
    const { group, plural } = KINDS.find((one) => one.kind === kind) ?? { group: "", plural: "" };
    return { apiVersion: `${group}/${this.#served[group] ?? ""}`, plural, namespace, name };
  }

  #request({ path }: ApiRequest): Promise<ApiResponse> {
    const [, , group = "", version] = path.split("/");
    const served = this.#served[group];
    if (served === undefined || (version ?? served) !== served)
      return Promise.reject(refusal("NOT_FOUND", path));
    const resources = KINDS.filter((one) => one.group === group).map(({ kind, plural: name }) => ({
      kind,
      name,
    }));
    const body =
      version === undefined
        ? { versions: [{ version: served }], preferredVersion: { version: served } }
        : { resources };
    return Promise.resolve({ status: 200, body });
  }

  #list(ref: ResourceRef, { limit, continueToken }: ListOptions): ListPage {
    const query = new URLSearchParams();
    if (limit !== undefined) query.set("limit", String(limit));
    if (continueToken !== undefined) query.set("continue", continueToken);
    const body = unwrap(this.store.list(targetOf({ ...ref, name: undefined }), query));
    const items = body["items"] as JsonObject[];
    this.largestPage = Math.max(this.largestPage, items.length);
    const next = textAt(body, "metadata", "continue");
    return { items, resourceVersion: "1", ...(next === "" ? {} : { continueToken: next }) };
  }

  #patch(ref: ObjectRef, body: JsonObject): JsonObject {
    this.beforePatch?.(ref);
    const before = unwrap(this.store.get(targetOf(ref)));
    const wanted = textAt(body, "metadata", "resourceVersion");
    if (wanted !== "" && wanted !== textAt(before, "metadata", "resourceVersion")) {
      throw refusal("CONFLICT", ref.name);
    }
    const after = unwrap(this.store.patch(targetOf(ref), body, false));
    this.patches.push(ref);
    this.afterPatch?.(ref);
    return after;
  }
}

function targetOf(ref: ResourceRef & { name?: string | undefined }): FakeTarget {
  return { apiVersion: ref.apiVersion, plural: ref.plural, namespace: ref.namespace ?? "", name: ref.name };
}

function unwrap({ status, body }: FakeAnswer): JsonObject {
  if (status < 300) return structuredClone(body);
  throw refusal(textAt(body, "reason") === "NotFound" ? "NOT_FOUND" : "CONFLICT", textAt(body, "message"));
}

function refusal(code: string, what: string): KubernetesApiError {
  return new KubernetesApiError(`KUBERNETES_${code}`, what, { next: "", status: 409 });
}

function settle<T>(act: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(act());
  });
}
