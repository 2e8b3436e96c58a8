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

/**
 * The API through which native objects are written and read. It tells a version that is not served from an object that is
 * not there, since both are 404 and the second means "already deleted"; and lets nobody take what an aggregated API server shows for
 * a native object. Throws SECOND_VERSION_LOST and NATIVE_NOT_SERVED for these. Other resources are passed on as they are.
 */
export class NativeApi implements KubernetesApi {
  readonly #api: KubernetesApi;
  readonly #isOld: IsOld;

  constructor(api: KubernetesApi, isOld: IsOld) {
    this.#api = api;
    this.#isOld = isOld;
  }

  request(request: ApiRequest): Promise<ApiResponse> {
    return this.#api.request(request);
  }

  get(ref: ObjectRef, options?: CallOptions): Promise<JsonObject> {
    return this.#native(ref, this.#api.get(ref, options));
  }

  list(ref: ResourceRef, options?: ListOptions): Promise<ListPage> {
    return served(ref, this.#api.list(ref, options));
  }

  pages(ref: ResourceRef, options: PagesOptions = {}): AsyncIterable<JsonObject[]> {
    return readPages(this, ref, options);
  }

  changes(ref: ResourceRef, options: ChangesOptions): Promise<Changes> {
    return served(ref, this.#api.changes(ref, options));
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
    return served(ref, this.#api.delete(ref, options));
  }

  async #native(ref: ResourceRef, answer: Promise<JsonObject>): Promise<JsonObject> {
    const object = await served(ref, answer);
    if (ref.apiVersion === V3 && (await this.#isOld(ref, object))) throw notServed(ref);
    return object;
  }
}

/** An object that is not there is told by a Status; a path that is not served by a bare 404. */
async function served<T>(ref: ResourceRef, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const isBare = error instanceof KubernetesApiError && error.status === 404 && error.reason === "";
    if (isBare && ref.apiVersion === SECOND) throw lost(ref);
    if (isBare && ref.apiVersion === V3) throw notServed(ref);
    throw error;
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
