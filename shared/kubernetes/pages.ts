import type { JsonObject } from "../json.ts";
import { isKubernetesError } from "./errors.ts";
import type { KubernetesApi, ListPage, PagesOptions, ResourceRef } from "./types.ts";

const defaultPageSize = 500;
/** A list that expires this often without giving a token never ends at this page size. */
const maxRestarts = 5;

/** The walk that `KubernetesApi.pages` describes. Pages that are too large to be held become smaller. */
export async function* readPages(
  api: Pick<KubernetesApi, "list">,
  ref: ResourceRef,
  options: PagesOptions,
): AsyncGenerator<JsonObject[]> {
  const { pageSize = defaultPageSize, ...list } = options;
  let limit = pageSize;
  let continueToken: string | undefined;
  let restarts = 0;
  for (;;) {
    let page: ListPage;
    try {
      page = await api.list(ref, { ...list, limit, continueToken });
    } catch (error) {
      if (limit > 1 && isKubernetesError(error, "KUBERNETES_ANSWER_TOO_LARGE")) {
        limit = Math.ceil(limit / 2);
        continue;
      }
      if (continueToken === undefined || !isKubernetesError(error, "KUBERNETES_EXPIRED")) throw error;
      continueToken = laterToken(error.details);
      if (continueToken === undefined && ++restarts > maxRestarts) throw error;
      continue;
    }
    if (page.items.length > 0) yield page.items;
    continueToken = page.continueToken;
    if (continueToken === undefined) return;
  }
}

/**
 * How a walk that was interrupted goes on where the server no longer keeps the snapshot of its token, which it does for some
 * minutes: `onward`, behind the same object at a later snapshot, so that what came before that object meanwhile is not in
 * it; or `afresh`, from the start.
 */
export type AfterExpiry = "onward" | "afresh";

/** One page of a walk whose token may have expired since the page before. An `onward` walk for which there is no token begins afresh. */
export async function pageAfterPause(
  list: (continueToken: string | undefined) => Promise<ListPage>,
  continueToken: string | undefined,
  expired: AfterExpiry,
): Promise<ListPage> {
  try {
    return await list(continueToken);
  } catch (error) {
    if (continueToken === undefined || !isKubernetesError(error, "KUBERNETES_EXPIRED")) throw error;
    return list(expired === "onward" ? laterToken(error.details) : undefined);
  }
}

/** A 410 to a list may carry the token that goes on at a later snapshot. */
function laterToken({ continueToken }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof continueToken === "string" ? continueToken : undefined;
}
