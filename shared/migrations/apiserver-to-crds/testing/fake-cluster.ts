import { PROTECTED_TIERS } from "../../../calico/built-in.ts";
import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import { convertUid } from "../../../calico/uid.ts";
import { isJsonObject, type JsonObject } from "../../../json.ts";
import { ADMISSION_GROUP, type AdmissionVersion } from "../../../kubernetes/admission.ts";
import { apiServiceState, nativeApiService } from "../../../kubernetes/api-services.ts";
import { crdResource, crdState } from "../../../kubernetes/crds.ts";
import { KubernetesApiError } from "../../../kubernetes/errors.ts";
import { objectAt, objectsAt, textAt } from "../../../kubernetes/fields.ts";
import { readPages } from "../../../kubernetes/pages.ts";
import type {
  ApiRequest,
  ApiResponse,
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
} from "../../../kubernetes/types.ts";
import { FakeKubernetes } from "../../testing/fake-kubernetes.ts";
import type { WriteHooks } from "../../testing/write-hooks.ts";
import { discoveryOf, servesAdmission } from "./served.ts";

const OLD = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const GROUP_OF_OLD = "crd.projectcalico.org";
/** Served in the versions that their definitions name. */
const GROUPS: ReadonlySet<string> = new Set([GROUP_OF_OLD, "projectcalico.org"]);
const AUTOMANAGED = {
  apiVersion: nativeApiService.apiVersion,
  kind: "APIService",
  metadata: { name: nativeApiService.name, labels: { "kube-aggregator.kubernetes.io/automanaged": "true" } },
  spec: { group: "projectcalico.org", version: "v3" },
};

/** Calico's API server has no storage for these. */
const NOT_AGGREGATED: ReadonlySet<string> = new Set(["ipamblocks", "ipamhandles"]);

const ROLLED_OUT = { updatedReplicas: 1, replicas: 1, availableReplicas: 1 };

/** Where objects are really kept, and how they are shown. */
interface Place {
  apiVersion: string;
  plural: string;
  show: (object: JsonObject) => JsonObject;
  /** What is stored of an object that is written. */
  keep: (object: JsonObject) => JsonObject;
  /** True where the status is written apart from the object. */
  hasStatus?: boolean;
}

/**
 * A cluster in memory that serves Calico as API servers do: objects of the old group, native ones out of their definitions
 * (also through a second version), and projectcalico.org/v3 by whoever its APIService says, an aggregated server showing the
 * old group's objects. What is written rolls out at once.
 */
export class FakeCluster implements KubernetesApi {
  readonly #stored = new FakeKubernetes();

  /** Around every write. */
  get hooks(): WriteHooks {
    return this.#stored.hooks;
  }

  /** True where Calico's admission policy lets nobody delete native built-in tiers. */
  protectsTiers = false;

  /** In which version mutating admission policies are served, as Kubernetes 1.36 does it or an older one. */
  mutating: AdmissionVersion = "v1";

  /** What etcd holds, past every API. */
  get storage(): FakeKubernetes {
    return this.#stored;
  }

  /** Every object without what the server adds, by path. */
  dump(): Record<string, string> {
    return this.#stored.dump();
  }

  request({ method, path }: ApiRequest): Promise<ApiResponse> {
    const body = method === "GET" ? discoveryOf(path, this.mutating) : undefined;
    if (body !== undefined) return Promise.resolve({ status: 200, body });
    if (path.startsWith("/api")) return Promise.reject(notFound(path));
    return this.#stored.request({ method, path });
  }

  async get(ref: ObjectRef): Promise<JsonObject> {
    const place = await this.#place(ref);
    return place.show(await this.#stored.get({ ...ref, ...at(place) }));
  }

  async list(ref: ResourceRef, options: ListOptions = {}): Promise<ListPage> {
    const place = await this.#place(ref);
    const page = await this.#stored.list({ ...ref, ...at(place) }, options);
    const items = page.items.map(place.show);
    return { ...page, items: options.metadataOnly === true ? items.map(metadataOf) : items };
  }

  pages(ref: ResourceRef, options: PagesOptions = {}): AsyncIterable<JsonObject[]> {
    return readPages(this, ref, options);
  }

  async changes(ref: ResourceRef, options: ChangesOptions): Promise<Changes> {
    const place = await this.#place(ref);
    const changes = await this.#stored.changes({ ...ref, ...at(place) }, options);
    const events = changes.events.map(({ type, object }) => ({ type, object: place.show(object) }));
    return { ...changes, events };
  }

  async create(ref: ResourceRef, object: JsonObject, options: WriteOptions = {}): Promise<JsonObject> {
    if (ref.plural.endsWith("subjectaccessreviews")) return { status: { allowed: true } };
    const place = await this.#place(ref);
    const wanted = this.#observed(withoutStatus(place, place.keep(object)));
    const created = await this.#stored.create({ ...ref, ...at(place) }, wanted, options);
    return this.#written(place, created);
  }

  async replace(ref: ObjectRef, object: JsonObject, options: WriteOptions = {}): Promise<JsonObject> {
    const place = await this.#place(ref);
    const found = await this.#stored.get({ ...ref, ...at(place) });
    const kept = withStatusOf(place, found, place.keep(object));
    const wanted = this.#observed(kept);
    return this.#written(place, await this.#stored.replace({ ...ref, ...at(place) }, wanted, options));
  }

  async patch(ref: ObjectRef, body: JsonObject | JsonObject[], options: PatchOptions): Promise<JsonObject> {
    const place = await this.#place(ref);
    const found = await this.#stored.get({ ...ref, ...at(place) });
    for (const field of ["uid", "resourceVersion"]) {
      const wanted = isJsonObject(body) ? textAt(body, "metadata", field) : "";
      if (wanted !== "" && wanted !== textAt(place.show(found), "metadata", field)) throw conflict(ref);
    }
    if (!isJsonObject(body)) throw new Error("only merge patches are known");
    const patch = patchOf(place, body, options.subresource);
    return this.#written(place, await this.#stored.patch({ ...ref, ...at(place) }, patch, options));
  }

  async delete(ref: ObjectRef, options: DeleteOptions = {}): Promise<JsonObject> {
    const place = await this.#place(ref);
    const found = await this.#stored.get({ ...ref, ...at(place) });
    if (options.uid !== undefined && options.uid !== textAt(place.show(found), "metadata", "uid"))
      throw conflict(ref);
    if (this.protectsTiers && place.apiVersion === NATIVE && isBuiltIn(ref)) throw refused(ref);
    // Discovery prefers what the aggregated API server shows, and so hides native objects from whoever empties a namespace.
    const isHidden = (await this.#apiService()).served === "aggregated";
    this.#stored.sparedInNamespaces = new Set(isHidden ? [NATIVE] : []);
    await this.#stored.delete({ ...ref, ...at(place) }, options.dryRun === true ? { dryRun: true } : {});
    if (options.dryRun === true) return { kind: "Status", status: "Success" };
    if (isDefinition(ref)) await this.#empty(found);
    await this.#serve();
    return { kind: "Status", status: "Success" };
  }

  async #written(place: Place, object: JsonObject): Promise<JsonObject> {
    await this.#serve();
    return place.show(object);
  }

  /** What controllers would say at once. */
  #observed(object: JsonObject): JsonObject {
    switch (object["kind"]) {
      case "CustomResourceDefinition": {
        const conditions = ["NamesAccepted", "Established"].map((type) => ({ type, status: "True" }));
        return { ...object, status: { conditions, storedVersions: [] } };
      }
      case "APIService":
        return {
          ...object,
          status: { conditions: [{ type: "Available", status: "True", reason: "Passed" }] },
        };
      case "DaemonSet":
      case "Deployment":
        return { status: ROLLED_OUT, ...object };
      default:
        return object;
    }
  }

  /** The API server keeps an APIService for every version of its definitions. */
  async #serve(): Promise<void> {
    if ((await this.#apiService()).served !== "absent") return;
    const definitions = (await this.#stored.list(crdResource)).items;
    if (!definitions.some((crd) => textAt(crd, "spec", "group") === "projectcalico.org")) return;
    await this.#stored.create(nativeApiService, this.#observed(AUTOMANAGED), {
      fieldManager: "kube-apiserver",
    });
  }

  async #apiService(): Promise<ReturnType<typeof apiServiceState>> {
    return apiServiceState(await this.#stored.get(nativeApiService).catch(() => undefined));
  }

  async #empty(crd: JsonObject): Promise<void> {
    const apiVersion = textAt(crd, "spec", "group") === "projectcalico.org" ? NATIVE : OLD;
    const plural = textAt(crd, "spec", "names", "plural");
    for (const object of (await this.#stored.list({ apiVersion, plural })).items) {
      const namespace = textAt(object, "metadata", "namespace") || undefined;
      await this.#stored.delete({ apiVersion, plural, namespace, name: textAt(object, "metadata", "name") });
    }
  }

  async #place({ apiVersion, plural }: ResourceRef): Promise<Place> {
    const as = (object: JsonObject): JsonObject => ({ ...object, apiVersion });
    if (apiVersion === NATIVE && (await this.#apiService()).served === "aggregated")
      return aggregated(plural);
    if (apiVersion.startsWith(`${ADMISSION_GROUP}/`)) return this.#admission(apiVersion, plural);
    const [group = "", version = ""] = apiVersion.split("/");
    const crd = await this.#stored.get({ ...crdResource, name: `${plural}.${group}` }).catch(() => undefined);
    if (crd === undefined && !GROUPS.has(group))
      return { apiVersion, plural, show: (object) => object, keep: (object) => object };
    const served = objectsAt(crd ?? {}, "spec", "versions").find(
      (one) => one["name"] === version && one["served"] === true,
    );
    if (served === undefined) throw notFound(`${apiVersion}/${plural}`);
    const hasStatus = isJsonObject(objectAt(served, "subresources")["status"]);
    const stored = `${group}/${crdState(crd ?? {}).storage ?? version}`;
    const kept = GROUPS.has(group) ? (group === GROUP_OF_OLD ? OLD : NATIVE) : stored;
    const keep = (object: JsonObject): JsonObject => ({ ...object, apiVersion: kept });
    return { apiVersion: kept, plural, show: as, keep, hasStatus };
  }

  /** One object, whichever version it is read and written in. */
  #admission(apiVersion: string, plural: string): Place {
    if (!servesAdmission(apiVersion, plural, this.mutating)) throw notFound(`${apiVersion}/${plural}`);
    const kept = `${ADMISSION_GROUP}/v1`;
    return {
      ...{ apiVersion: kept, plural },
      show: (object) => ({ ...object, apiVersion }),
      keep: (object) => ({ ...object, apiVersion: kept }),
    };
  }
}

/** The old group's objects as Calico's API server shows them, names and metadata that were never rewritten. */
function aggregated(plural: string): Place {
  const kind = NATIVE_KINDS.find((one) => one.plural === plural);
  if (NOT_AGGREGATED.has(plural)) throw notFound(`${NATIVE}/${plural}`);
  return {
    apiVersion: OLD,
    plural: kind?.v1Plural ?? plural,
    hasStatus: kind?.statusSubresource === true,
    show: (object) => {
      const uid = textAt(object, "metadata", "uid");
      const metadata = { ...objectAt(object, "metadata"), uid: convertUid(uid) ?? uid };
      return { ...object, apiVersion: NATIVE, kind: kind?.kind ?? object["kind"], metadata };
    },
    keep: (object) => ({ ...object, apiVersion: OLD, kind: kind?.v1Kind ?? object["kind"] }),
  };
}

function at({ apiVersion, plural }: Place): ResourceRef {
  return { apiVersion, plural };
}

function withoutStatus(place: Place, object: JsonObject): JsonObject {
  if (place.hasStatus !== true) return object;
  const { status, ...kept } = object;
  return kept;
}

function withStatusOf(place: Place, { status }: JsonObject, object: JsonObject): JsonObject {
  if (place.hasStatus !== true) return object;
  return { ...withoutStatus(place, object), ...(status === undefined ? {} : { status }) };
}

function patchOf(place: Place, body: JsonObject, subresource: string | undefined): JsonObject {
  if (subresource === "status" && place.hasStatus === false && isCalico(place)) throw notFound(place.plural);
  if (subresource !== "status") return withoutStatus(place, withoutIdentity(body));
  // The status of a Node takes annotations too: Calico writes them so.
  if (place.plural === "nodes") return withoutIdentity(body);
  return body["status"] === undefined ? {} : { status: body["status"] };
}

function isCalico({ apiVersion }: Place): boolean {
  return apiVersion === OLD || apiVersion === NATIVE;
}

function metadataOf({ apiVersion, kind, metadata }: JsonObject): JsonObject {
  return { apiVersion, kind, metadata };
}

function isDefinition({ plural }: ResourceRef): boolean {
  return plural === crdResource.plural;
}

function withoutIdentity(body: JsonObject): JsonObject {
  if (!isJsonObject(body["metadata"])) return body;
  const { uid, resourceVersion, ...metadata } = body["metadata"];
  return { ...body, metadata };
}

function isBuiltIn({ plural, name }: ObjectRef): boolean {
  return plural === "tiers" && PROTECTED_TIERS.has(name);
}

function refused({ plural, name }: ObjectRef): KubernetesApiError {
  const message = `${plural} ${name} must not be deleted`;
  return new KubernetesApiError("KUBERNETES_INVALID", message, { next: "", status: 422 });
}

function conflict({ plural, name }: ObjectRef): KubernetesApiError {
  return new KubernetesApiError("KUBERNETES_CONFLICT", `${plural} ${name} has changed`, {
    next: "",
    status: 409,
  });
}

function notFound(path: string): KubernetesApiError {
  return new KubernetesApiError("KUBERNETES_NOT_FOUND", `${path} is not there`, { next: "", status: 404 });
}
