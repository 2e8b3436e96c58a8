import type { JsonObject } from "../../json.ts";
import { crdResource, crdState } from "../../kubernetes/crds.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { runFieldManager } from "../../kubernetes/managed-fields.ts";
import type { ListOptions, ListPage, ResourceRef, WriteOptions } from "../../kubernetes/types.ts";
import { FakeKubernetes } from "./fake-kubernetes.ts";

const GROUP = "crd.projectcalico.org/v1";

/** How the run of this id writes. */
export function asRun(runId: string): { fieldManager: string } {
  return { fieldManager: runFieldManager(runId) };
}

/** A server that serves the objects of definitions in the versions that these name, and lets somebody act after every list. */
export class ServedKubernetes extends FakeKubernetes {
  afterList: () => Promise<unknown> = () => Promise.resolve();

  override async list(ref: ResourceRef, options?: ListOptions): Promise<ListPage> {
    const page = await super.list(await this.#stored(ref), options);
    if (ref.plural !== crdResource.plural) await this.afterList();
    return page;
  }

  override async create(ref: ResourceRef, body: JsonObject, options?: WriteOptions): Promise<JsonObject> {
    return super.create(await this.#stored(ref), body, options);
  }

  /** Creates an established definition with one version, and gives its name. */
  async define(plural: string, options: WriteOptions = {}): Promise<string> {
    const name = `${plural}.crd.projectcalico.org`;
    const conditions = ["NamesAccepted", "Established"].map((type) => ({ type, status: "True" }));
    const schema = { openAPIV3Schema: { type: "object" } };
    const versions = [{ name: "v1", served: true, storage: true, schema }];
    const crd = {
      kind: "CustomResourceDefinition",
      metadata: { name },
      spec: { versions },
      status: { conditions },
    };
    await this.create(crdResource, crd, options);
    return name;
  }

  /** Somebody creates an object; false where that is refused. */
  async tryToPut(plural: string, name: string): Promise<boolean> {
    const object = { kind: "Any", metadata: { name } };
    return this.create({ apiVersion: GROUP, plural }, object).then(
      () => true,
      () => false,
    );
  }

  async #stored(ref: ResourceRef): Promise<ResourceRef> {
    const [group = "", version = ""] = ref.apiVersion.split("/");
    if (!group.endsWith("projectcalico.org")) return ref;
    const { served } = crdState(await this.get({ ...crdResource, name: `${ref.plural}.${group}` }));
    if (served.includes(version)) return { ...ref, apiVersion: GROUP };
    throw new KubernetesApiError("KUBERNETES_NOT_FOUND", `${version} is not served`, {
      next: "",
      status: 404,
    });
  }
}
