import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { EtcdClient } from "../../../etcd/client.ts";
import { resolveEndpoints } from "./resolve-endpoints.ts";

const names: Readonly<Record<string, string[]>> = {
  "etcd-0.example.org": ["192.0.2.1", "2001:db8::1"],
  "etcd-1.example.org": ["192.0.2.2"],
  "inside.example.org": ["192.0.2.3", "169.254.169.254"],
};
const resolve = (hostname: string) => {
  const found = names[hostname];
  if (found === undefined) return Promise.reject(new Error("ENOTFOUND"));
  return Promise.resolve(found.map((address) => ({ address })));
};

describe("etcd's endpoints", () => {
  test("are resolved to every address, and addresses stay what they are", async () => {
    const endpoints = [
      "https://etcd-0.example.org:2379",
      "https://192.0.2.9:2379",
      "https://[2001:db8::9]:2379",
    ];
    assert.deepEqual(
      [...(await resolveEndpoints(endpoints, {}, resolve))],
      [
        ["https://etcd-0.example.org:2379", ["192.0.2.1", "2001:db8::1"]],
        ["https://192.0.2.9:2379", ["192.0.2.9"]],
        ["https://[2001:db8::9]:2379", ["2001:db8::9"]],
      ],
    );
  });

  test("that lead to a refused address are refused, whatever else they lead to", async () => {
    await assert.rejects(resolveEndpoints(["https://inside.example.org:2379"], {}, resolve), {
      code: "SERVER_ADDRESS_REFUSED",
      message: /inside\.example\.org \(169\.254\.169\.254\)/,
    });
    await assert.rejects(resolveEndpoints(["https://127.0.0.1:2379"], {}, resolve), {
      code: "SERVER_ADDRESS_REFUSED",
    });
  });

  test("that do not resolve are left out", async () => {
    const endpoints = ["https://gone.example.org:2379", "https://etcd-1.example.org:2379"];
    assert.deepEqual([...(await resolveEndpoints(endpoints, {}, resolve)).keys()], [endpoints[1]]);
    const none = { endpoints: ["https://gone.example.org:2379"] };
    assert.throws(() => EtcdClient.connect(none, { addresses: new Map() }), {
      code: "ETCD_UNREACHABLE",
      message: /gone\.example\.org/,
      retryable: true,
    });
  });

  test("are connected to as resolved: the name itself is never asked for again", async (t) => {
    const server = createServer((socket) => socket.destroy());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const endpoint = `http://never-asked-for.invalid:${(server.address() as AddressInfo).port}`;
    const client = EtcdClient.connect(
      { endpoints: [endpoint] },
      { addresses: new Map([[endpoint, ["127.0.0.1"]]]), timeoutMs: 2_000 },
    );
    const connected = once(server, "connection");
    await assert.rejects(client.status(), { code: "ETCD_UNREACHABLE", message: /never-asked-for\.invalid/ });
    await connected;
    client.close();
  });
});
