import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { EtcdClient } from "../../shared/etcd/client.ts";

/** Bundled as functions are: uses what bundling cuts down, and prints what comes of it. */

async function exchange(): Promise<string> {
  const server = createServer((request, response) => {
    request.pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const pool = new Pool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const { statusCode, body } = await pool.request({ method: "POST", path: "/", body: "over HTTP" });
  const text = await body.text();
  await pool.close();
  server.close();
  return `${statusCode} ${text}`;
}

async function askEtcd(): Promise<string> {
  const client = EtcdClient.connect({ endpoints: ["http://127.0.0.1:1"] }, { timeoutMs: 2_000 });
  try {
    await client.getMany(["/calico"]);
    return "an answer";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  } finally {
    client.close();
  }
}

console.log(JSON.stringify({ http: await exchange(), etcd: await askEtcd() }));
process.exit(0);
