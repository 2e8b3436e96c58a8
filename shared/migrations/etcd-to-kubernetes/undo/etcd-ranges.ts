import { prefixEnd } from "../../../etcd/keys.ts";
import type { EtcdKeyValue } from "../../../etcd/types.ts";
import type { Context } from "../context.ts";

const PAGE = 200;

/** Keys of etcd from one to another, which is not included. */
export interface KeyRange {
  from: string;
  to: string;
}

/** The next range of a prefix, counted from where the one before has ended; `more` where another follows. */
export async function nextKeyRange(
  context: Context,
  prefix: string,
  from = prefix,
): Promise<{ range: KeyRange; size: number; more: boolean } | undefined> {
  const query = { from, to: prefixEnd(prefix), limit: PAGE, keysOnly: true };
  const { kvs, more } = await context.connections.etcd().range(query);
  const last = kvs.at(-1);
  return last === undefined ? undefined : { range: { from, to: `${last.key}\0` }, size: kvs.length, more };
}

/** What is in a range now, page by page: more may have come to it since it was counted. */
export async function* valuesInRange(
  context: Context,
  { from, to }: KeyRange,
): AsyncGenerator<EtcdKeyValue[]> {
  for (let start: string | undefined = from; start !== undefined;) {
    const { kvs, more } = await context.connections.etcd().range({ from: start, to, limit: PAGE });
    yield kvs;
    const last = kvs.at(-1);
    start = more && last !== undefined ? `${last.key}\0` : undefined;
  }
}
