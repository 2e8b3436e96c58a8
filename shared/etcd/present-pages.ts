import { prefixEnd } from "./keys.ts";
import type { CalicoEtcd, EtcdKeyValue } from "./types.ts";

/** What to walk over. */
interface PresentPagesQuery {
  prefix: string;
  /** Keys per page, at least 1. Only one page is held at a time. */
  pageSize: number;
  /** Leave the values out. Default false. */
  keysOnly?: boolean;
}

/**
 * All keys under a prefix, in byte order, page by page, each page as it is when it is read: a walk that takes longer than etcd
 * may keep a revision, which `CalicoEtcd.pages` needs. Throws what `range` throws.
 */
export async function* presentPages(
  etcd: Pick<CalicoEtcd, "range">,
  { prefix, pageSize, keysOnly = false }: PresentPagesQuery,
): AsyncGenerator<EtcdKeyValue[], void> {
  const to = prefixEnd(prefix);
  for (let from: string | undefined = prefix; from !== undefined;) {
    const { kvs, more } = await etcd.range({ from, to, limit: pageSize, keysOnly });
    yield kvs;
    const last = kvs.at(-1);
    from = more && last !== undefined ? `${last.key}\0` : undefined;
  }
}
