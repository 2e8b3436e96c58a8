import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { presentPages } from "./present-pages.ts";
import type { EtcdRange, EtcdRangeQuery } from "./types.ts";

const REVISIONS = { createRevision: 1, modRevision: 1, version: 1 };

/** Keys that somebody adds to between two pages. */
class Growing {
  readonly keys = new Set(["/calico/a", "/calico/b", "/calico/d", "/calico/e"]);
  readonly asked: EtcdRangeQuery[] = [];

  range(query: EtcdRangeQuery): Promise<EtcdRange> {
    this.asked.push(query);
    const { from, to, limit = Infinity } = query;
    const found = [...this.keys].sort().filter((key) => key >= from && key < to);
    const kvs = found.slice(0, limit).map((key) => ({ key, value: Buffer.of(), ...REVISIONS }));
    this.keys.add("/calico/c");
    return Promise.resolve({ kvs, more: found.length > limit, revision: this.asked.length });
  }
}

async function walk(etcd: Growing, pageSize: number): Promise<string[][]> {
  const pages: string[][] = [];
  for await (const page of presentPages(etcd, { prefix: "/calico/", pageSize, keysOnly: true }))
    pages.push(page.map(({ key }) => key));
  return pages;
}

describe("a walk over what etcd holds at present", () => {
  test("gives every key once, also those that came further on meanwhile", async () => {
    assert.deepEqual(await walk(new Growing(), 2), [
      ["/calico/a", "/calico/b"],
      ["/calico/c", "/calico/d"],
      ["/calico/e"],
    ]);
  });

  test("ends with the last page, asking for nothing else", async () => {
    const etcd = new Growing();
    assert.deepEqual((await walk(etcd, 4)).length, 1);
    assert.deepEqual(etcd.asked, [{ from: "/calico/", to: "/calico0", limit: 4, keysOnly: true }]);
  });
});
