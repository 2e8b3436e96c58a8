import assert from "node:assert/strict";
import { createServer } from "node:net";
import { suite, test } from "node:test";
import { MigratorError } from "../errors.ts";
import type { Access } from "./session.ts";
import { connectStored, refusedAddressIn } from "./stored-kubeconfig-connection.ts";

function accessTo(server: string): () => Promise<Access> {
  const credentials = () => Promise.resolve({ headers: {}, tls: {} });
  return () => Promise.resolve({ name: "test", server, credentials });
}

suite("connecting with what is stored", () => {
  test("a name that leads to a refused address is not connected to", async (t) => {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const address = server.address();
    assert(typeof address === "object" && address !== null);
    const access = accessTo(`https://localhost:${address.port}`);

    const refused = connectStored(access, { userAgent: "test" });
    await assert.rejects(refused, { code: "SERVER_ADDRESS_REFUSED", retryable: false });
    assert.equal(connections, 0);

    const allowed = connectStored(access, { userAgent: "test", allowLoopback: true });
    await assert.rejects(allowed, (error: MigratorError) => error.code !== "SERVER_ADDRESS_REFUSED");
    assert.notEqual(connections, 0);
  });

  test("a refusal is found behind the error that it caused", () => {
    const refusal = new MigratorError("SERVER_ADDRESS_REFUSED", "x", { next: "y" });
    const wrapped = new MigratorError("KUBERNETES_UNREACHABLE", "z", { next: "y", cause: refusal });
    assert.equal(refusedAddressIn(wrapped), refusal);
    assert.equal(refusedAddressIn(new Error("other", { cause: refusal })), undefined);
  });
});
