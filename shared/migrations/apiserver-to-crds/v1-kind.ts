import { crdName } from "../../calico/kinds.ts";
import type { NativeKind } from "../../calico/native/native-kinds.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import type { ListPage } from "../../kubernetes/types.ts";
import type { AnyContext } from "../context.ts";
import { readTarget } from "../target/calls.ts";

/** What a list of v1 objects gives where the old group has no such kind. */
export const NOTHING: ListPage = { items: [], resourceVersion: "" };

/** True when the old group has the kind. Installs that were upgraded without their CRDs lack some. */
export async function hasV1Kind(
  context: AnyContext,
  { v1Kind }: Pick<NativeKind, "v1Kind">,
): Promise<boolean> {
  const name = crdName(v1Kind, "crd.projectcalico.org/v1") ?? "";
  return (await readTarget(context, { ...crdResource, name })) !== undefined;
}

/**
 * The answer to a request for the v1 objects of a kind; undefined where the old group has no such kind. Its definition
 * decides: taken for empty, a kind that is only not served at this moment would lose its native objects.
 */
export async function orNoV1Kind<T>(
  context: AnyContext,
  kind: Pick<NativeKind, "v1Kind">,
  answer: Promise<T>,
): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_NOT_FOUND") || (await hasV1Kind(context, kind))) throw error;
    return undefined;
  }
}
