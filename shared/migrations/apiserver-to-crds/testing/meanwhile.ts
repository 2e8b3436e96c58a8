import type { JsonObject } from "../../../json.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { isDryRun, isReview } from "../../testing/life.ts";
import type { KubernetesApi, ObjectRef, ResourceRef } from "../../../kubernetes/types.ts";

/** Is called with a request of the run, by name: `create v1/configmaps/shop/web`, `list v1/configmaps`. */
type Happening = (write: string) => Promise<void>;

/** What others do right before and right after every write of a run to the cluster, and right before every list, in order. */
export class Meanwhile {
  readonly before: Happening[] = [];
  readonly after: Happening[] = [];
  readonly lists: Happening[] = [];
}

const WRITES: ReadonlySet<string> = new Set(["create", "replace", "patch", "delete"]);

/** The same API, with others doing something around its requests. */
export function disturbed(api: KubernetesApi, meanwhile: Meanwhile): KubernetesApi {
  return new Proxy(api, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      const method = member as (...args: unknown[]) => unknown;
      const call = (...args: unknown[]): unknown => method.apply(target, args);
      if (name === "list")
        return async (ref: ResourceRef, ...args: unknown[]) => {
          for (const happen of meanwhile.lists) await happen(`list ${collectionOf(ref)}`);
          return call(ref, ...args);
        };
      if (typeof name !== "string" || !WRITES.has(name)) return call;
      return async (...args: [ResourceRef, ...unknown[]]) => {
        if (isReview(args) || isDryRun(args)) return call(...args);
        const write = `${name} ${pathOf(args[0], args[1])}`;
        for (const happen of meanwhile.before) await happen(write);
        const result: unknown = await call(...args);
        for (const happen of meanwhile.after) await happen(write);
        return result;
      };
    },
  });
}

function pathOf(ref: ResourceRef & Partial<ObjectRef>, body: unknown): string {
  return `${collectionOf(ref)}/${ref.name ?? textAt(body as JsonObject, "metadata", "name")}`;
}

function collectionOf({ apiVersion, plural, namespace }: ResourceRef): string {
  return [apiVersion, plural, namespace].filter((part) => part !== undefined).join("/");
}
