import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fakeWorld, writeKubeconfig } from "../testing/fake-world.ts";
import { connectionOf } from "./connection.ts";

const nobody = (): Promise<undefined> => Promise.resolve(undefined);

describe("connectionOf", () => {
  test("makes every path absolute, and keeps what is in the files out", async (t) => {
    const world = fakeWorld(t);
    const flags = {
      kubeconfig: "prod.kubeconfig",
      etcdEndpoints: "https://a:2379, https://b:2379",
      etcdCa: "ca.pem",
      etcdKey: "/keys/key.pem",
    };
    const { name, connection } = await connectionOf(world, flags, nobody);
    assert.equal(name, "prod");
    assert.deepEqual(connection, {
      kubeconfig: [join(world.folder, "prod.kubeconfig")],
      context: "prod",
      server: "https://prod.example.com:6443/",
      etcd: {
        endpoints: ["https://a:2379", "https://b:2379"],
        caFile: join(world.folder, "ca.pem"),
        keyFile: "/keys/key.pem",
      },
    });
  });

  test("finds the kubeconfig as kubectl does, and pins what it found", async (t) => {
    const world = fakeWorld(t);
    const other = writeKubeconfig(world.folder, "other", "https://other.example.com");
    const env = { KUBECONFIG: `${other}:${world.kubeconfig}` };
    const { name, connection } = await connectionOf({ ...world, env }, { context: "prod" }, nobody);
    assert.deepEqual([name, connection.kubeconfig], ["prod", [other, world.kubeconfig]]);
  });

  test("makes a cluster's name of any context's name", async (t) => {
    const world = fakeWorld(t);
    const kubeconfig = writeKubeconfig(world.folder, "my cluster (eu)", "https://a.example.com");
    assert.equal((await connectionOf(world, { kubeconfig }, nobody)).name, "my-cluster--eu-");
  });

  test("keeps a password in the server's URL out", async (t) => {
    const world = fakeWorld(t);
    const kubeconfig = writeKubeconfig(world.folder, "a", "https://user:secret@a.example.com/k8s");
    const { connection } = await connectionOf(world, { kubeconfig }, nobody);
    assert.equal(connection.server, "https://a.example.com/k8s");
  });
});
