import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { IWatchCreateRequest, IWatchResponse } from "etcd3";
import { MigratorError } from "../errors.ts";
import { followChanges, type WatchSource } from "./changes.ts";
import { EtcdCompactedError, toEtcdError } from "./errors.ts";
import type { EtcdChangesQuery } from "./types.ts";

const LOST = toEtcdError(new Error("14 UNAVAILABLE: Connection dropped"), "e");
const QUERY: EtcdChangesQuery = { prefix: "/calico/", afterRevision: 4, throughRevision: 8 };

function response(fields: Partial<IWatchResponse>): IWatchResponse {
  const header = { cluster_id: "1", member_id: "1", revision: "99", raft_term: "1" };
  const flags = {
    created: false,
    canceled: false,
    fragment: false,
    compact_revision: "0",
    cancel_reason: "",
  };
  return { header, watch_id: "0", events: [], ...flags, ...fields };
}

function puts(...revisions: number[]): IWatchResponse {
  return response({
    events: revisions.map((revision) => {
      const kv = {
        key: Buffer.from(`/calico/${revision}`),
        value: Buffer.of(),
        mod_revision: String(revision),
        create_revision: "1",
        version: "1",
        lease: "0",
      };
      return { type: "Put" as const, kv, prev_kv: kv };
    }),
  });
}

/** Serves one script per watch: answers, and errors that end it. A script that runs out ends the watch. */
class FakeSource implements WatchSource {
  readonly requests: IWatchCreateRequest[] = [];
  readonly #scripts: (IWatchResponse | Error)[][];
  readonly #compacted: number;

  constructor(scripts: (IWatchResponse | Error)[][], compacted = 0) {
    this.#scripts = scripts;
    this.#compacted = compacted;
  }

  assertReadable(_prefix: string, revision: number): Promise<void> {
    return revision < this.#compacted
      ? Promise.reject(new EtcdCompactedError(revision, this.#compacted))
      : Promise.resolve();
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a stand-in for what waits for a server
  async *watch(request: IWatchCreateRequest): AsyncGenerator<IWatchResponse, void> {
    this.requests.push(request);
    yield response({ created: true });
    for (const step of this.#scripts.shift() ?? []) {
      if (step instanceof Error) throw step;
      yield step;
    }
  }
}

async function revisions(source: WatchSource, query: Partial<EtcdChangesQuery> = {}): Promise<number[]> {
  const seen: number[] = [];
  for await (const { modRevision } of followChanges(source, { ...QUERY, ...query })) seen.push(modRevision);
  return seen;
}

describe("followChanges", () => {
  it("ends with the last revision of the stretch, and leaves out what comes after it", async () => {
    const source = new FakeSource([[puts(5, 6), puts(8, 9)]]);
    assert.deepEqual(await revisions(source), [5, 6, 8]);
  });

  it("asks for the prefix from just after the first revision, in fragments", async () => {
    const source = new FakeSource([[puts(8)]]);
    await revisions(source);
    assert.deepEqual(source.requests, [
      { key: Buffer.from("/calico/"), range_end: Buffer.from("/calico0"), start_revision: 5, fragment: true },
    ]);
  });

  it("asks for nothing when the stretch is empty", async () => {
    const source = new FakeSource([]);
    assert.deepEqual(await revisions(source, { throughRevision: 4 }), []);
    assert.deepEqual(source.requests, []);
  });

  it("goes on where it was when a watch is lost or ends", async () => {
    const source = new FakeSource([[puts(5), LOST], [puts(6)], [puts(7, 8)]]);
    assert.deepEqual(await revisions(source), [5, 6, 7, 8]);
    assert.deepEqual(
      source.requests.map(({ start_revision }) => start_revision),
      [5, 6, 7],
    );
  });

  it("does not take the revision in the header of an answer for progress", async () => {
    const source = new FakeSource([[response({})], [puts(5, 8)]]);
    assert.deepEqual(await revisions(source), [5, 8]);
  });

  it("tells that history is gone before it yields anything", async () => {
    await assert.rejects(revisions(new FakeSource([[puts(8)]], 6)), {
      code: "ETCD_COMPACTED",
      compactRevision: 6,
    });
  });

  it("goes on from what is read anew, where history is gone (ETCD_COMPACTED)", async () => {
    const next = "`resume`, or run the command again: everything is read and compared then.";
    await assert.rejects(revisions(new FakeSource([[puts(8)]], 6)), { code: "ETCD_COMPACTED", next });
    assert.deepEqual(await revisions(new FakeSource([[puts(8)]], 6), { afterRevision: 7 }), [8]);
  });

  it("goes on once etcd is well again, where nothing came for too long (ETCD_TIMEOUT)", async () => {
    const next = "Try again; if it lasts, look at the health of the etcd cluster.";
    const silent = revisions(new FakeSource([[puts(6), LOST]]), { idleTimeoutMs: 50 });
    await assert.rejects(silent, { code: "ETCD_TIMEOUT", next });
    assert.deepEqual(await revisions(new FakeSource([[puts(6, 8)]])), [6, 8]);
  });

  it("tells that history went while it was followed", async () => {
    const compacted = response({ canceled: true, compact_revision: "7", cancel_reason: "compacted" });
    await assert.rejects(revisions(new FakeSource([[puts(5), compacted]])), {
      code: "ETCD_COMPACTED",
      compactRevision: 7,
    });
  });

  it("tells why etcd refuses the watch", async () => {
    const refused = response({
      created: true,
      canceled: true,
      cancel_reason: "etcdserver: permission denied",
    });
    await assert.rejects(revisions(new FakeSource([[refused]])), { code: "ETCD_AUTH", retryable: false });
  });

  it("gives up with ETCD_TIMEOUT when nothing comes for too long, and tells how far it came", async () => {
    await assert.rejects(revisions(new FakeSource([[puts(6), LOST]]), { idleTimeoutMs: 300 }), (error) => {
      assert.ok(error instanceof MigratorError && error.code === "ETCD_TIMEOUT" && error.retryable);
      assert.deepEqual(error.details, { reached: 6, wanted: 8 });
      return true;
    });
  });

  it("does not count the time that the consumer takes", async () => {
    const seen: number[] = [];
    const source = new FakeSource([[puts(5), LOST], [puts(8)]]);
    for await (const { modRevision } of followChanges(source, { ...QUERY, idleTimeoutMs: 600 })) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      seen.push(modRevision);
    }
    assert.deepEqual(seen, [5, 8]);
  });

  it("throws the signal's reason when aborted between watches", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const changes = followChanges(new FakeSource([[puts(5), LOST]]), { ...QUERY, signal: controller.signal });
    await assert.rejects(async () => {
      for await (const change of changes) if (change.modRevision === 5) controller.abort(reason);
    }, reason);
  });
});
