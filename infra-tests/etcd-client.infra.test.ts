import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Etcd3 } from "etcd3";
import { EtcdClient } from "../shared/etcd/client.ts";
import { loadEtcdConfig } from "../shared/etcd/config.ts";
import { prefixEnd } from "../shared/etcd/keys.ts";
import type { EtcdChange } from "../shared/etcd/types.ts";
import { isRetryable } from "../shared/errors.ts";
import { createAuthority, createCertificate, writeCertificate } from "./harness/certificates.ts";
import { startEtcdCluster } from "./harness/etcd-cluster.ts";
import { type EtcdHandle, startEtcd } from "./harness/etcd.ts";
import { freePort } from "./harness/ports.ts";
import { waitUntil } from "./harness/wait.ts";

const PREFIX = "/calico/";

/** Long enough that a test which waits for it never ends. */
const HOUR_MS = 3_600_000;

async function connect(config: unknown, timeoutMs = 10_000): Promise<EtcdClient> {
  return EtcdClient.connect(await loadEtcdConfig(config), { timeoutMs });
}

async function put(client: EtcdClient, key: string, value: Buffer | string = "v"): Promise<number> {
  const { applied, revision } = await client.compareAndPut({ key, expectedModRevision: "any", value });
  assert.ok(applied);
  return revision;
}

async function revisionNow(client: EtcdClient): Promise<number> {
  return (await client.range({ from: PREFIX, to: prefixEnd(PREFIX), limit: 1, keysOnly: true })).revision;
}

/** Puts `count` keys, `width` at a time. */
async function fill(client: EtcdClient, prefix: string, count: number, value: Buffer | string, width = 20) {
  const lanes = Array.from({ length: width }, async (_, lane) => {
    for (let n = lane; n < count; n += width)
      await put(client, `${prefix}${String(n).padStart(6, "0")}`, value);
  });
  await Promise.all(lanes);
}

async function collect(changes: AsyncIterable<EtcdChange>): Promise<EtcdChange[]> {
  const seen: EtcdChange[] = [];
  for await (const change of changes) seen.push(change);
  return seen;
}

/** Fails unless the changes, applied in order to what was there before, give what is there now. */
function assertReplays(changes: readonly EtcdChange[], now: ReadonlyMap<string, string>): void {
  const state = new Map<string, string>();
  for (const change of changes) {
    if (change.type === "put") state.set(change.key, change.value.toString());
    else assert.ok(state.delete(change.key), `${change.key} was deleted before it was put`);
  }
  assert.deepEqual([...state].sort(), [...now].sort());
}

async function readAll(client: EtcdClient, prefix: string): Promise<Map<string, string>> {
  const { kvs } = await client.range({ from: prefix, to: prefixEnd(prefix) });
  return new Map(kvs.map(({ key, value }) => [key, value.toString()]));
}

describe("EtcdClient on one etcd", () => {
  let etcd: EtcdHandle;
  let client: EtcdClient;
  before(async () => {
    etcd = await startEtcd();
    client = await connect({ endpoints: [etcd.endpoint] });
  });
  after(async () => {
    client.close();
    await etcd.stop();
  });

  it("tells version, leader and size", async () => {
    const revision = await put(client, `${PREFIX}status`);
    const status = await client.status();
    assert.match(status.version, /^3\.\d+\.\d+/);
    assert.ok(status.leader && status.dbSize > 0);
    assert.equal(status.revision, revision);
  });

  it("reads a range with its limit, without values on request, and nothing outside", async () => {
    const prefix = `${PREFIX}range/`;
    await fill(client, prefix, 5, "value");
    await put(client, `${PREFIX}range0`);
    const some = await client.range({ from: prefix, to: prefixEnd(prefix), limit: 3 });
    assert.deepEqual([some.kvs.length, some.more], [3, true]);
    assert.equal(some.kvs[0]?.value.toString(), "value");
    const all = await client.range({ from: prefix, to: prefixEnd(prefix), keysOnly: true });
    assert.deepEqual([all.kvs.length, all.more], [5, false]);
    assert.ok(all.kvs.every(({ value }) => value.length === 0));
    assert.equal(all.revision, await revisionNow(client));
  });

  it("pages through one revision while keys come, change and go", async () => {
    const prefix = `${PREFIX}pages/`;
    await fill(client, prefix, 1_050, "before");
    const revision = await revisionNow(client);
    const keys: string[] = [];
    for await (const page of client.pages({ prefix, revision, pageSize: 100 })) {
      assert.ok(page.length > 0 && page.length <= 100);
      for (const { key, value, modRevision } of page) {
        assert.equal(value.toString(), "before");
        assert.ok(modRevision <= revision);
        keys.push(key);
      }
      await put(client, `${prefix}0000${keys.length}`, "after");
      await put(client, `${prefix}999999${keys.length}`, "after");
      await client.compareAndDelete({ key: `${prefix}001000`, expectedModRevision: "any" });
    }
    assert.equal(keys.length, 1_050);
    assert.deepEqual(keys, keys.toSorted());
    assert.equal(new Set(keys).size, 1_050);
  });

  it("yields no page for a prefix without keys", async () => {
    const revision = await revisionNow(client);
    for await (const page of client.pages({ prefix: `${PREFIX}nobody/`, revision, pageSize: 10 })) {
      assert.fail(`a page of ${page.length}`);
    }
  });

  it("takes answers of more than gRPC's 4 MiB", async () => {
    const prefix = `${PREFIX}big/`;
    await fill(client, prefix, 12, Buffer.alloc(1_000_000, 1), 2);
    const { kvs } = await client.range({ from: prefix, to: prefixEnd(prefix) });
    assert.equal(kvs.length, 12);
    assert.ok(kvs.every(({ value }) => value.length === 1_000_000));
  });

  it("gets many keys at a revision, leaving out what did not exist then", async () => {
    const prefix = `${PREFIX}many/`;
    await fill(client, prefix, 250, "old");
    const revision = await revisionNow(client);
    await put(client, `${prefix}000007`, "new");
    await put(client, `${prefix}later`);
    const keys = Array.from({ length: 250 }, (_, n) => `${prefix}${String(n).padStart(6, "0")}`);
    const wanted = [...keys, `${prefix}later`, `${prefix}never`, `${prefix}000007`];
    const then = await client.getMany(wanted, revision);
    assert.deepEqual([...then.keys()].sort(), keys);
    assert.equal(then.get(`${prefix}000007`)?.value.toString(), "old");
    const now = await client.getMany(wanted);
    assert.equal(now.size, 251);
    assert.equal(now.get(`${prefix}000007`)?.value.toString(), "new");
    assert.equal((await client.getMany([])).size, 0);
  });

  it("writes only on the condition, and tells what is there instead", async () => {
    const key = `${PREFIX}cas`;
    const created = await client.compareAndPut({ key, expectedModRevision: "absent", value: "1" });
    assert.ok(created.applied);
    const again = await client.compareAndPut({ key, expectedModRevision: "absent", value: "2" });
    assert.ok(!again.applied);
    assert.deepEqual(again.current, {
      key,
      value: Buffer.from("1"),
      modRevision: created.revision,
      createRevision: created.revision,
      version: 1,
    });
    const updated = await client.compareAndPut({ key, expectedModRevision: created.revision, value: "3" });
    assert.ok(updated.applied && updated.revision === created.revision + 1);
    const stale = await client.compareAndDelete({ key, expectedModRevision: created.revision });
    assert.equal(stale.current?.modRevision, updated.revision);
    assert.ok((await client.compareAndDelete({ key, expectedModRevision: updated.revision })).applied);
    const gone = await client.compareAndDelete({ key, expectedModRevision: updated.revision });
    assert.deepEqual([gone.applied, gone.current], [false, undefined]);
    assert.ok((await client.compareAndDelete({ key, expectedModRevision: "any" })).applied);
  });

  it("lets one of many writers win each round", async () => {
    const key = `${PREFIX}race`;
    let expectedModRevision: number | "absent" = "absent";
    for (let round = 0; round < 20; round++) {
      const attempts = Array.from({ length: 8 }, (_, writer) =>
        client.compareAndPut({ key, expectedModRevision, value: String(writer) }),
      );
      const results = await Promise.all(attempts);
      const winners = results.filter(({ applied }) => applied);
      assert.equal(winners.length, 1);
      expectedModRevision = winners[0]?.revision ?? 0;
      assert.ok(
        results.every(({ applied, current }) => applied || current?.modRevision === expectedModRevision),
      );
    }
  });

  it("follows thousands of changes exactly, deletions and whole transactions included", async () => {
    const prefix = `${PREFIX}changes/`;
    const raw = new Etcd3({ hosts: [etcd.endpoint] });
    const afterRevision = await revisionNow(client);
    await fill(client, prefix, 1_500, "a".repeat(3_000));
    for (let n = 0; n < 1_500; n += 3) {
      await client.compareAndDelete({
        key: `${prefix}${String(n).padStart(6, "0")}`,
        expectedModRevision: "any",
      });
    }
    for (let n = 0; n < 10; n++) {
      const puts = Array.from({ length: 100 }, (_, index) => ({
        request_put: { key: Buffer.from(`${prefix}t${n}-${index}`), value: Buffer.alloc(9_000, 98) },
      }));
      await raw.kv.txn({ success: puts });
      await put(client, `/elsewhere/${n}`);
    }
    raw.close();
    const throughRevision = await put(client, `${prefix}sentinel`);
    await put(client, `${prefix}too-late`);
    const seen = await collect(client.changes({ prefix, afterRevision, throughRevision }));
    assert.equal(seen.length, 1_500 + 500 + 1_000 + 1);
    assert.ok(seen.every(({ modRevision }) => modRevision > afterRevision && modRevision <= throughRevision));
    assert.ok(seen.every(({ modRevision }, index) => modRevision >= (seen[index - 1]?.modRevision ?? 0)));
    const now = await readAll(client, prefix);
    now.delete(`${prefix}too-late`);
    assertReplays(seen, now);
  });

  it("waits for a revision that is still to come", async () => {
    const prefix = `${PREFIX}future/`;
    const afterRevision = await revisionNow(client);
    const changes = collect(client.changes({ prefix, afterRevision, throughRevision: afterRevision + 3 }));
    for (const n of [1, 2, 3]) await put(client, `${prefix}${n}`);
    assert.deepEqual(
      (await changes).map(({ key }) => key),
      [1, 2, 3].map((n) => `${prefix}${n}`),
    );
  });

  it("stops following at a signal, and after a time without changes", async () => {
    const query = { prefix: PREFIX, afterRevision: await revisionNow(client), throughRevision: 1_000_000 };
    const reason = new Error("enough");
    const controller = new AbortController();
    setTimeout(() => {
      controller.abort(reason);
    }, 100);
    await assert.rejects(collect(client.changes({ ...query, signal: controller.signal })), reason);
    await assert.rejects(collect(client.changes({ ...query, idleTimeoutMs: 200 })), { code: "ETCD_TIMEOUT" });
  });

  it("leaves the rest in etcd when the consumer stops early", async () => {
    const prefix = `${PREFIX}early/`;
    const afterRevision = await revisionNow(client);
    await fill(client, prefix, 10, "v");
    for await (const change of client.changes({
      prefix,
      afterRevision,
      throughRevision: afterRevision + 10,
    })) {
      assert.equal(change.modRevision, afterRevision + 1);
      break;
    }
    assert.ok((await client.status()).leader);
  });
});

describe("EtcdClient and compaction", () => {
  it("tells how far back it can read, and never reads or follows past that", async () => {
    const etcd = await startEtcd();
    const client = await connect({ endpoints: [etcd.endpoint] });
    const raw = new Etcd3({ hosts: [etcd.endpoint] });
    assert.equal(await client.compactRevision(), 0);
    const key = `${PREFIX}a`;
    for (let n = 0; n < 8; n++) await put(client, key, String(n));
    const deleted = (await client.compareAndDelete({ key, expectedModRevision: "any" })).revision;
    const last = await put(client, `${PREFIX}last`);
    await raw.kv.compact({ revision: deleted, physical: true });
    assert.equal(await client.compactRevision(), deleted);

    const compacted = { code: "ETCD_COMPACTED", compactRevision: deleted, retryable: false };
    const old = { from: PREFIX, to: prefixEnd(PREFIX), revision: deleted - 1 };
    await assert.rejects(client.range(old), compacted);
    await assert.rejects(client.getMany([key], deleted - 1), compacted);
    await assert.rejects(
      client.pages({ prefix: PREFIX, revision: deleted - 1, pageSize: 5 }).next(),
      compacted,
    );
    const follow = (afterRevision: number) =>
      collect(client.changes({ prefix: PREFIX, afterRevision, throughRevision: last }));
    await assert.rejects(follow(2), compacted);
    // The deletion itself would come next; etcd may have forgotten it.
    await assert.rejects(follow(deleted - 1), compacted);
    assert.deepEqual(
      (await follow(deleted)).map(({ modRevision }) => modRevision),
      [last],
    );
    assert.equal((await client.range({ ...old, revision: deleted })).kvs.length, 0);
    raw.close();
    client.close();
    await etcd.stop();
  });
});

describe("EtcdClient when etcd fails", () => {
  it("follows changes exactly while etcd is killed and started again", async () => {
    const etcd = await startEtcd();
    const client = await connect({ endpoints: [etcd.endpoint] });
    const afterRevision = await revisionNow(client);
    const throughRevision = afterRevision + 1_200;
    const write = () => fill(client, PREFIX, 400, "x".repeat(8_000));
    await write();
    const seen: number[] = [];
    for await (const change of client.changes({ prefix: PREFIX, afterRevision, throughRevision })) {
      seen.push(change.modRevision);
      if (seen.length !== 150 && seen.length !== 550) continue;
      await etcd.restart();
      await write();
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 1_200 }, (_, index) => afterRevision + 1 + index),
    );
    client.close();
    await etcd.stop();
  });

  it("goes on waiting for changes across a restart, and works afterwards", async () => {
    const etcd = await startEtcd();
    const client = await connect({ endpoints: [etcd.endpoint] });
    const afterRevision = await put(client, `${PREFIX}first`);
    const changes = collect(
      client.changes({ prefix: PREFIX, afterRevision, throughRevision: afterRevision + 2 }),
    );
    await put(client, `${PREFIX}a`);
    await etcd.restart();
    await put(client, `${PREFIX}b`);
    assert.deepEqual(
      (await changes).map(({ key }) => key),
      [`${PREFIX}a`, `${PREFIX}b`],
    );
    client.close();
    await etcd.stop();
  });

  it("says ETCD_UNREACHABLE long before the deadline when nothing listens, naming the endpoint", async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const client = await connect({ endpoints: [endpoint] }, HOUR_MS);
    await assert.rejects(client.status(), (error: Error) => {
      assert.ok(isRetryable(error) && "code" in error && error.code === "ETCD_UNREACHABLE");
      return error.message.includes(endpoint);
    });
    client.close();
  });

  it("ends every call at the deadline when etcd hangs", async () => {
    const etcd = await startEtcd();
    const client = await connect({ endpoints: [etcd.endpoint] }, 1_000);
    await put(client, `${PREFIX}a`);
    await etcd.pause();
    const calls = [
      client.range({ from: PREFIX, to: prefixEnd(PREFIX) }),
      client.compareAndPut({ key: PREFIX, expectedModRevision: "any", value: "" }),
      client.status(),
    ];
    await Promise.all(calls.map((call) => assert.rejects(call, isRetryable)));
    etcd.resume();
    await put(client, `${PREFIX}a`);
    client.close();
    await etcd.stop();
  });

  it("does without dead and hanging endpoints", async () => {
    const [alive, hanging] = await Promise.all([startEtcd(), startEtcd()]);
    await hanging.pause();
    const dead = `http://127.0.0.1:${await freePort()}`;
    const client = await connect({ endpoints: [dead, hanging.endpoint, alive.endpoint] });
    const throughRevision = await put(client, `${PREFIX}a`);
    assert.equal((await readAll(client, PREFIX)).size, 1);
    assert.equal(
      (await collect(client.changes({ prefix: PREFIX, afterRevision: 1, throughRevision }))).length,
      1,
    );
    client.close();
    hanging.resume();
    await Promise.all([alive.stop(), hanging.stop()]);
  });

  it("survives the loss of the leader: reads do not fail, writes are not doubled, changes are exact", async () => {
    const cluster = await startEtcdCluster(3);
    const client = await connect({ endpoints: cluster.endpoints }, 20_000);
    const key = `${PREFIX}counter`;
    const afterRevision = await put(client, key, "0");
    const leader = await cluster.leader();
    for (let n = 1; n <= 60; n++) {
      if (n === 20) leader.kill();
      const current = (await client.getMany([key])).get(key);
      assert.equal(current?.value.toString(), String(n - 1));
      const write = { key, expectedModRevision: current.modRevision, value: String(n) };
      try {
        assert.ok((await client.compareAndPut(write)).applied);
      } catch (error) {
        assert.ok(isRetryable(error), String(error));
        const now = (await client.getMany([key])).get(key);
        if (now?.modRevision === current.modRevision) assert.ok((await client.compareAndPut(write)).applied);
      }
    }
    const throughRevision = (await client.getMany([key])).get(key)?.modRevision ?? 0;
    const seen = await collect(client.changes({ prefix: PREFIX, afterRevision, throughRevision }));
    assert.deepEqual(
      seen.map((change) => change.type === "put" && Number(change.value.toString())),
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    client.close();
    await cluster.stop();
  });

  it("says that the leader is missing when most members are gone", async () => {
    const cluster = await startEtcdCluster(3);
    const [first, ...others] = cluster.members;
    assert.ok(first !== undefined);
    for (const member of others) member.kill();
    const client = await connect({ endpoints: [first.endpoint] }, 2_000);
    const noticed = { what: "the survivor misses its leader", timeoutMs: 60_000 };
    await waitUntil(noticed, async () => ((await client.status()).leader ? undefined : true));
    await assert.rejects(client.range({ from: PREFIX, to: prefixEnd(PREFIX) }), {
      code: "ETCD_NO_LEADER",
      retryable: true,
    });
    client.close();
    await cluster.stop();
  });
});

describe("EtcdClient over TLS", () => {
  let etcd: EtcdHandle;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "etcd-client-"));
    etcd = await startEtcd({ tls: true });
  });
  after(async () => {
    await etcd.stop();
    rmSync(folder, { recursive: true });
  });

  async function code(config: Record<string, unknown>): Promise<unknown> {
    const client = await connect({ endpoints: [etcd.endpoint], ...config });
    try {
      await put(client, `${PREFIX}tls`);
      return "ok";
    } catch (error) {
      return error instanceof Error && "code" in error ? error.code : error;
    } finally {
      client.close();
    }
  }

  it("works with the client certificate, also under another server name of etcd's", async () => {
    const { caFile, certFile, keyFile } = etcd;
    assert.equal(await code({ caFile, certFile, keyFile }), "ok");
    assert.equal(await code({ caFile, certFile, keyFile, serverName: "localhost" }), "ok");
  });

  it("connects to the address that it is given, and expects the name of the endpoint there", async () => {
    const { caFile, certFile, keyFile } = etcd;
    const status = async (name: string): Promise<unknown> => {
      const endpoint = `https://${name}:${new URL(etcd.endpoint).port}`;
      const config = await loadEtcdConfig({ endpoints: [endpoint], caFile, certFile, keyFile });
      const client = EtcdClient.connect(config, { addresses: new Map([[endpoint, ["127.0.0.1"]]]) });
      return client.status().finally(() => {
        client.close();
      });
    };
    assert.ok(await status("localhost"));
    await assert.rejects(status("elsewhere.invalid"), { code: "ETCD_TLS" });
  });

  it("says ETCD_TLS for each way in which the certificates do not fit", async () => {
    const { caFile, certFile, keyFile } = etcd;
    const authority = createAuthority("another authority");
    const { cert: otherCa } = writeCertificate(folder, "ca", authority);
    const stranger = writeCertificate(folder, "stranger", createCertificate(authority, { commonName: "x" }));
    assert.equal(await code({ caFile }), "ETCD_TLS", "no client certificate");
    assert.equal(await code({ certFile, keyFile }), "ETCD_TLS", "no authority");
    assert.equal(await code({ caFile: otherCa, certFile, keyFile }), "ETCD_TLS", "wrong authority");
    assert.equal(
      await code({ caFile, certFile: stranger.cert, keyFile: stranger.key }),
      "ETCD_TLS",
      "a stranger's certificate",
    );
    assert.equal(
      await code({ caFile, certFile, keyFile, serverName: "elsewhere" }),
      "ETCD_TLS",
      "wrong name",
    );
  });

  it("does not get through without TLS", async () => {
    assert.equal(await code({ endpoints: [etcd.endpoint.replace("https", "http")] }), "ETCD_UNREACHABLE");
  });

  it("refuses a certificate and a key that are no pair before it connects", async () => {
    const { caFile, certFile } = etcd;
    const other = writeCertificate(
      folder,
      "other",
      createCertificate(createAuthority("a"), { commonName: "x" }),
    );
    await assert.rejects(code({ caFile, certFile, keyFile: other.key }), { code: "ETCD_PEM_INVALID" });
  });
});

describe("EtcdClient with a user", () => {
  let etcd: EtcdHandle;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "etcd-client-"));
    for (const password of ["root-secret", "calico-secret", "wrong-secret"]) {
      writeFileSync(join(folder, password), `${password}\n`);
    }
    etcd = await startEtcd();
  });
  after(async () => {
    await etcd.stop();
    rmSync(folder, { recursive: true });
  });

  function login(username: string, password: string): Promise<EtcdClient> {
    return connect({ endpoints: [etcd.endpoint], username, passwordFile: join(folder, password) });
  }

  it("logs in, again after the token was lost, and works where etcd asks for no user", async () => {
    const client = await login("calico", "calico-secret");
    await put(client, `${PREFIX}before`);

    const raw = new Etcd3({ hosts: [etcd.endpoint] });
    const role = await raw.role("calico").create();
    await role.grant({ permission: "Readwrite", range: raw.range({ prefix: PREFIX }) });
    await (await raw.user("calico").create("calico-secret")).addRole("calico");
    const root = await raw.user("root").create("root-secret");
    await (await raw.role("root").create()).addUser(root);
    await raw.auth.authEnable();
    raw.close();

    const user = await login("calico", "calico-secret");
    const afterRevision = await put(user, `${PREFIX}a`);
    await etcd.restart();
    const throughRevision = await put(user, `${PREFIX}b`);
    await etcd.restart();
    const changes = user.changes({ prefix: PREFIX, afterRevision, throughRevision });
    assert.equal((await collect(changes)).length, 1);
    user.close();
    client.close();
  });

  it("finds out which keys the user may write, and writes none of them", async () => {
    const user = await login("calico", "calico-secret");
    const revision = await put(user, `${PREFIX}a`);
    await user.tryPuts([`${PREFIX}a`, `${PREFIX}never`]);
    const refused = { code: "ETCD_AUTH", retryable: false };
    await assert.rejects(user.tryPuts([`${PREFIX}a`, "/elsewhere"]), refused);
    const found = await user.getMany([`${PREFIX}a`, `${PREFIX}never`]);
    assert.deepEqual(
      [...found].map(([key, { modRevision }]) => [key, modRevision]),
      [[`${PREFIX}a`, revision]],
    );
    user.close();
  });

  it("says ETCD_AUTH for a wrong password, no user, and keys that the user may not touch", async () => {
    const refused = { code: "ETCD_AUTH", retryable: false };
    const [wrong, user, nobody] = await Promise.all([
      login("calico", "wrong-secret"),
      login("calico", "calico-secret"),
      connect({ endpoints: [etcd.endpoint] }),
    ]);
    await assert.rejects(put(wrong, `${PREFIX}a`), refused);
    await assert.rejects(put(nobody, `${PREFIX}a`), refused);
    await assert.rejects(put(user, "/elsewhere"), refused);
    await assert.rejects(user.range({ from: "/", to: "0" }), refused);
    const changes = user.changes({ prefix: "/elsewhere/", afterRevision: 0, throughRevision: 1_000 });
    await assert.rejects(collect(changes), refused);
    for (const client of [wrong, user, nobody]) client.close();
  });
});
