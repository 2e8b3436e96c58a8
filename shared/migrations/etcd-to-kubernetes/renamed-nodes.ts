import { CALICO_PREFIX } from "../../calico/keys.ts";
import { presentPages } from "../../etcd/present-pages.ts";
import { concerns, type SourceChange } from "./source-changes.ts";
import type { Context } from "./context.ts";

const PAGE = 500;

/**
 * Everything in etcd that may name one of these nodes, as if it had changed: blocks and their affinities, handles, host
 * endpoints, peers, settings. Rather too much than too little: what means the same is left as it is when it is applied.
 */
export async function changesNaming(
  { connections }: Pick<Context, "connections">,
  nodes: readonly string[],
): Promise<SourceChange[]> {
  const found: SourceChange[] = [];
  if (nodes.length === 0) return found;
  for await (const page of presentPages(connections.etcd(), { prefix: CALICO_PREFIX, pageSize: PAGE }))
    for (const { key, value, modRevision } of page)
      if (concerns({ key }) && nodes.some((name) => key.includes(name) || value.includes(name)))
        found.push({ type: "put", key, value, modRevision });
  return found;
}
