import type { JsonObject } from "../json.ts";
import { KubernetesApiError } from "./errors.ts";
import type { KubernetesApi, ListPage, PagesOptions, ResourceRef } from "./types.ts";

const defaultPageSize = 500;
/** A list that expires this often without giving a token never ends at this page size. */
const maxRestarts = 5;

/** The walk that `KubernetesApi.pages` describes. */
export async function* readPages(
  api: Pick<KubernetesApi, "list">,
  ref: ResourceRef,
  options: PagesOptions,
): AsyncGenerator<JsonObject[]> {
  const { pageSize = defaultPageSize, ...list } = options;
  let continueToken: string | undefined;
  let restarts = 0;
  for (;;) {
    let page: ListPage;
    try {
      page = await api.list(ref, { ...list, limit: pageSize, continueToken });
    } catch (error) {
      const expired = error instanceof KubernetesApiError && error.code === "KUBERNETES_EXPIRED";
      if (!expired || continueToken === undefined) throw error;
      const token = error.details["continueToken"];
      continueToken = typeof token === "string" ? token : undefined;
      if (continueToken === undefined && ++restarts > maxRestarts) throw error;
      continue;
    }
    if (page.items.length > 0) yield page.items;
    continueToken = page.continueToken;
    if (continueToken === undefined) return;
  }
}
