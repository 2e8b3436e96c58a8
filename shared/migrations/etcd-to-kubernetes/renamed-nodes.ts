import { CALICO_PREFIX } from "../../calico/keys.ts";
import { prefixEnd } from "../../etcd/keys.ts";
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
  const to = prefixEnd(CALICO_PREFIX);
  for (let from = CALICO_PREFIX; ;) {
    const { kvs, more } = await connections.etcd().range({ from, to, limit: PAGE });
    for (const { key, value, modRevision } of kvs)
      if (concerns({ key }) && nodes.some((name) => key.includes(name) || value.includes(name)))
        found.push({ type: "put", key, value, modRevision });
    const last = kvs.at(-1);
    if (!more || last === undefined) return found;
    from = `${last.key}\0`;
  }
}
