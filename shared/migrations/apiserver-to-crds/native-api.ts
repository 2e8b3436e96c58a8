import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { readPages } from "../../kubernetes/pages.ts";
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
  ResourceRef,
  WriteOptions,
} from "../../kubernetes/types.ts";
import { SECOND } from "./context.ts";

const V3 = "projectcalico.org/v3";

/** True when an object that projectcalico.org/v3 shows is one of the old group's, so that an aggregated API server shows it. */
export type IsOld = (ref: ResourceRef, object: JsonObject) => Promise<boolean>;

/** True for a resource whose native CRD is gone. */
export type IsGone = (ref: ResourceRef) => Promise<boolean>;

/** A native object cannot be written any more: there is no definition for it. */
export class DefinitionGoneError extends KubernetesApiError {
  constructor({ plural }: ResourceRef) {
    const message = `${plural}.projectcalico.org was deleted by somebody else, and everything in it went with it`;
    super("KUBERNETES_NOT_FOUND", message, {
      next: "Nothing is left to do there.",
      status: 404,
      reason: "NotFound",
    });
  }
}

/**
 * The API through which native objects are written and read. It tells a version that is not served from an object that is
 * not there, since both are 404 and the second means "already deleted"; and lets nobody take what an aggregated API server shows for
 * a native object. Throws SECOND_VERSION_LOST and NATIVE_NOT_SERVED for these. Where a definition is gone for good there are no objects of it. Other
 * resources are passed on as they are.
 */
export class NativeApi implements KubernetesApi {
  readonly #api: KubernetesApi;
  readonly #isOld: IsOld;
  readonly #isGone: IsGone;

  constructor(api: KubernetesApi, isOld: IsOld, isGone: IsGone) {
    this.#api = api;
    this.#isOld = isOld;
    this.#isGone = isGone;
  }

  request(request: ApiRequest): Promise<ApiResponse> {
    return this.#api.request(request);
  }

  get(ref: ObjectRef, options?: CallOptions): Promise<JsonObject> {
    return this.#native(ref, this.#api.get(ref, options));
  }

  list(ref: ResourceRef, options?: ListOptions): Promise<ListPage> {
    return this.#served(ref, this.#api.list(ref, options));
  }

  pages(ref: ResourceRef, options: PagesOptions = {}): AsyncIterable<JsonObject[]> {
    return readPages(this, ref, options);
  }

  changes(ref: ResourceRef, options: ChangesOptions): Promise<Changes> {
    return this.#served(ref, this.#api.changes(ref, options));
  }

  create(ref: ResourceRef, object: JsonObject, options?: WriteOptions): Promise<JsonObject> {
    return this.#native(ref, this.#api.create(ref, object, options));
  }

  replace(ref: ObjectRef, object: JsonObject, options?: WriteOptions): Promise<JsonObject> {
    return this.#native(ref, this.#api.replace(ref, object, options));
  }

  patch(ref: ObjectRef, body: JsonObject | JsonObject[], options: PatchOptions): Promise<JsonObject> {
    return this.#native(ref, this.#api.patch(ref, body, options));
  }

  delete(ref: ObjectRef, options?: DeleteOptions): Promise<JsonObject> {
    return this.#served(ref, this.#api.delete(ref, options));
  }

  async #native(ref: ResourceRef, answer: Promise<JsonObject>): Promise<JsonObject> {
    const object = await this.#served(ref, answer);
    if (ref.apiVersion === V3 && (await this.#isOld(ref, object))) throw notServed(ref);
    return object;
  }

  /** An object that is not there is told by a Status; a path that is not served by a bare 404. */
  async #served<T>(ref: ResourceRef, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      const isBare = error instanceof KubernetesApiError && error.status === 404 && error.reason === "";
      const isNative = ref.apiVersion === SECOND || ref.apiVersion === V3;
      if (!isBare || !isNative) throw error;
      if (await this.#isGone(ref)) throw new DefinitionGoneError(ref);
      throw ref.apiVersion === SECOND ? lost(ref) : notServed(ref);
    }
  }
}

function lost({ plural }: ResourceRef): MigratorError {
  return new MigratorError("SECOND_VERSION_LOST", `${SECOND} no longer serves ${plural}`, {
    next: "See who puts the CRDs of projectcalico.org back, and stop that.",
  });
}

/** What projectcalico.org/v3 shows is not native. */
export function notServed({ plural }: Pick<ResourceRef, "plural">): MigratorError {
  return new MigratorError("NATIVE_NOT_SERVED", `${V3} does not show the native ${plural}`, {
    next: "See who has put the APIService v3.projectcalico.org back, stop that, then `resume`.",
  });
}
