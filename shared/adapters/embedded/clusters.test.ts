import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aControl, aRun, take } from "../../engine/contract/fixtures.ts";
import { ManualClock } from "../../engine/testing/manual-clock.ts";
import { type Cluster, type Embedded, openEmbedded } from "./index.ts";
import { withStorePath } from "./testing/temporary-store.ts";

const east: Cluster = {
  name: "east",
  labels: { tier: "production" },
  connection: {
    kubeconfig: "/home/anna/.kube/config",
    etcd: { endpoints: ["https://10.0.0.1:2379"], ca: "/etc/ca.pem" },
  },
};

function withEmbedded(body: (embedded: Embedded) => Promise<void>): () => Promise<void> {
  return () =>
    withStorePath(async (path) => {
      const embedded = openEmbedded(path, { clock: new ManualClock() });
      await body(embedded);
      embedded.close();
    });
}

describe("the registry of clusters", () => {
  test(
    "keeps clusters and lists them by name",
    withEmbedded(async ({ clusters }) => {
      const bare = { name: "arn:aws:eks:eu-west-1:1:cluster/b@c", connection: {} };
      await clusters.add(east);
      await clusters.add(bare);

      assert.deepEqual(await clusters.get("east"), east);
      assert.deepEqual(await clusters.list(), [bare, east]);
      assert.equal(await clusters.get("west"), undefined);
    }),
  );

  test(
    "replaces a cluster only when it is told to",
    withEmbedded(async ({ clusters }) => {
      await clusters.add(east);
      const moved = { name: "east", connection: { kubeconfig: "/elsewhere" } };

      const next = "Choose another name, or renew that cluster with --replace.";
      await assert.rejects(clusters.add(moved), { code: "CLUSTER_EXISTS", next });
      await clusters.add({ ...moved, name: "another" });
      assert.deepEqual(await clusters.get("east"), east);
      await clusters.add(moved, { replace: true });
      assert.deepEqual(await clusters.get("east"), moved);
    }),
  );

  test(
    "removes a cluster, once",
    withEmbedded(async ({ clusters }) => {
      await clusters.add(east);

      await clusters.remove("east");

      assert.deepEqual(await clusters.list(), []);
      await assert.rejects(clusters.remove("east"), { code: "CLUSTER_NOT_FOUND" });
    }),
  );

  test(
    "keeps a cluster while a run on it has not ended",
    withEmbedded(async ({ clusters, store }) => {
      await clusters.add(east);
      await store.createRun(aRun({ cluster: "east", state: "Failed" }), aControl());

      await assert.rejects(clusters.remove("east"), { code: "CLUSTER_BUSY" });
      assert.ok(await clusters.get("east"));

      await store.saveRun(aRun({ cluster: "east", state: "RolledBack" }), await take(store), []);
      await clusters.remove("east");
    }),
  );

  for (const [field, cluster] of Object.entries<Cluster>({
    name: { name: "", connection: {} },
    "labels.tier": { name: "a", labels: { tier: 1 as unknown as string }, connection: {} },
    "connection.etcd.key": { name: "a", connection: { etcd: { key: "-----BEGIN KEY-----\nsecret" } } },
    "connection.endpoints.1": {
      name: "a",
      connection: { endpoints: ["https://b", "https://root:secret@a"] },
    },
  })) {
    test(
      `refuses what is wrong with ${field}, without repeating it, until it is mended`,
      withEmbedded(async ({ clusters }) => {
        await assert.rejects(clusters.add(cluster), (error: Error) => {
          assert.equal("code" in error && error.code, "CLUSTER_INVALID");
          assert.ok(error.message.includes(field));
          assert.ok(
            "next" in error && String(error.next).startsWith("Mend that field; name files by their path"),
          );
          return !error.message.includes("secret");
        });
        assert.deepEqual(await clusters.list(), []);
        await clusters.add({
          name: "a",
          labels: { tier: "1" },
          connection: { etcd: { keyFile: "/key.pem" } },
        });
      }),
    );
  }
});
