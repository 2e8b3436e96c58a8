import { MigratorError } from "../errors.ts";
import { isKubernetesError } from "./errors.ts";
import { objectsAt, textAt } from "./fields.ts";
import { versionPath } from "./paths.ts";
import type { CallOptions, KubernetesReads } from "./types.ts";

/** A type of objects that an API server serves. */
interface ResourceType {
  apiVersion: string;
  kind: string;
  plural: string;
  namespaced: boolean;
}

/** What an API server serves, asked once per API version and kept. A kind that is not known is asked for again. */
export class Discovery {
  readonly #api: Pick<KubernetesReads, "request">;
  readonly #versions = new Map<string, Promise<Map<string, ResourceType>>>();

  constructor(api: Pick<KubernetesReads, "request">) {
    this.#api = api;
  }

  /** The type of objects with this apiVersion and kind. Throws KUBERNETES_KIND_UNKNOWN. */
  async resource(apiVersion: string, kind: string, options: CallOptions = {}): Promise<ResourceType> {
    const found = await this.find(apiVersion, kind, options);
    if (found !== undefined) return found;
    throw new MigratorError(
      "KUBERNETES_KIND_UNKNOWN",
      `the cluster does not serve ${kind} of ${apiVersion}`,
      {
        next: "Install the CustomResourceDefinition or the API service of this kind, or use a version that the cluster serves.",
        details: { apiVersion, kind },
      },
    );
  }

  /** As `resource`, but undefined where the cluster does not serve the kind. */
  async find(apiVersion: string, kind: string, options: CallOptions = {}): Promise<ResourceType | undefined> {
    const known = this.#versions.get(apiVersion);
    const found = (await known)?.get(kind);
    return found ?? (await this.#ask(apiVersion, options)).get(kind);
  }

  /** The versions in which a group is served, the preferred one first; empty when it is not served. */
  async versionsOf(group: string, options: CallOptions = {}): Promise<string[]> {
    try {
      const { body } = await this.#api.request({ ...options, method: "GET", path: `/apis/${group}` });
      const preferred = textAt(body, "preferredVersion", "version");
      const versions = objectsAt(body, "versions").map((version) => textAt(version, "version"));
      return versions.sort((a, b) => Number(b === preferred) - Number(a === preferred));
    } catch (error) {
      if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return [];
      throw error;
    }
  }

  #ask(apiVersion: string, options: CallOptions): Promise<Map<string, ResourceType>> {
    const asked = this.#read(apiVersion, options);
    this.#versions.set(apiVersion, asked);
    asked.catch(() => this.#versions.delete(apiVersion));
    return asked;
  }

  async #read(apiVersion: string, options: CallOptions): Promise<Map<string, ResourceType>> {
    const types = new Map<string, ResourceType>();
    try {
      const { body } = await this.#api.request({ ...options, method: "GET", path: versionPath(apiVersion) });
      for (const resource of objectsAt(body, "resources")) {
        const plural = textAt(resource, "name");
        if (plural.includes("/")) continue;
        const kind = textAt(resource, "kind");
        types.set(kind, { apiVersion, kind, plural, namespaced: resource["namespaced"] === true });
      }
    } catch (error) {
      if (!isKubernetesError(error, "KUBERNETES_NOT_FOUND")) throw error;
    }
    return types;
  }
}
