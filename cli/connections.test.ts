import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startFake, writeKubeconfig } from "../shared/kubernetes/testing/connect-fake.ts";
import { textAt } from "../shared/kubernetes/fields.ts";
import type { ClusterConnections } from "../shared/migrations/connections.ts";
import { fakeWorld, runIn } from "./testing/fake-world.ts";
import { type ClusterConnection, kubeconfigSource, openCluster, RegistryConnections } from "./connections.ts";

const SETTINGS = { concurrency: 4, userAgent: "test" };

function connection(kubeconfig: string, etcd?: ClusterConnection["etcd"]): ClusterConnection {
  return {
    kubeconfig: [kubeconfig],
    context: "main",
    server: "https://a",
    ...(etcd === undefined ? {} : { etcd }),
  };
}

describe("openCluster", () => {
  test("connects to the API server, and to etcd only when it is asked for", async (t) => {
    const fake = await startFake(t);
    const config = fake.kubeconfig();
    const kubeconfig = await writeKubeconfig(t, config);
    const context = textAt(config, "current-context");
    const etcd = { endpoints: ["http://127.0.0.1:1"] };
    const opened = await openCluster({ ...connection(kubeconfig, etcd), context }, SETTINGS);
    assert.equal(fake.requests.length, 1);
    assert.equal(opened.connections.etcd(), opened.connections.etcd());
    await opened.close();
  });

  test("says that a cluster has no etcd when one is needed, and how it gets one", async (t) => {
    const fake = await startFake(t);
    const config = fake.kubeconfig();
    const context = textAt(config, "current-context");
    const kubeconfig = await writeKubeconfig(t, config);
    const opened = await openCluster({ ...connection(kubeconfig), context }, SETTINGS);
    assert.throws(() => opened.connections.etcd(), {
      code: "ETCD_NOT_CONFIGURED",
      next: /`calico-migrator clusters add NAME --replace --kubeconfig FILE --etcd-endpoints https:\/\/HOST:2379`/,
    });
    await opened.close();
    const world = fakeWorld(t);
    const add = ["clusters", "add", "prod", "--kubeconfig", world.kubeconfig];
    assert.equal((await runIn(world, ...add)).code, 0);
    const again = await runIn(world, ...add, "--replace", "--etcd-endpoints", "https://10.0.0.1:2379");
    assert.equal(again.code, 0, again.stderr);
    assert.match((await runIn(world, "clusters", "-o", "wide")).stdout, /prod .*https:\/\/10\.0\.0\.1:2379/);
    const etcd = { endpoints: ["http://127.0.0.1:1"] };
    const renewed = await openCluster({ ...connection(kubeconfig, etcd), context }, SETTINGS);
    assert.ok(renewed.connections.etcd());
    await renewed.close();
  });

  test("refuses a wrong etcd configuration before it connects anywhere", async () => {
    const wrong = connection("/nonexistent", { endpoints: ["10.0.0.1"] });
    await assert.rejects(openCluster(wrong, SETTINGS), { code: "ETCD_CONFIG_INVALID" });
  });
});

test("several kubeconfig files are read as KUBECONFIG lists them", () => {
  const source = kubeconfigSource({ kubeconfig: ["/a", "/b"], context: "c" });
  assert.deepEqual(
    [source.env?.["KUBECONFIG"], source.kubeconfig, source.context],
    ["/a:/b", undefined, "c"],
  );
});

describe("RegistryConnections", () => {
  test("opens a cluster once, closes all, and tries again after a failure", async () => {
    const log: string[] = [];
    let broken = true;
    const connections = new RegistryConnections(
      (cluster) => Promise.resolve(connection(cluster)),
      ({ kubeconfig: [name = ""] }) => {
        log.push(`open ${name}`);
        if (name === "b" && broken) return Promise.reject(new Error("broken"));
        const close = (): Promise<void> => Promise.resolve(void log.push(`close ${name}`));
        return Promise.resolve({ connections: {} as ClusterConnections, close });
      },
    );
    assert.equal(await connections.open("a"), await connections.open("a"));
    await assert.rejects(connections.open("b"), /broken/);
    broken = false;
    await connections.open("b");
    await connections.close();
    assert.deepEqual(log, ["open a", "open b", "open b", "close a", "close b"]);
  });
});
