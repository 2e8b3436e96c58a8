import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { startFakeCluster, storedWorkload } from "../testing/fake-cluster.ts";
import { gatherWorkloads } from "./workloads.ts";

const apps = (plural: string, name: string) => ({
  apiVersion: "apps/v1",
  plural,
  namespace: "kube-system",
  name,
});

suite("gathering workloads", () => {
  test("reads versions, environment and account of Calico's own, and leaves the rest", async (t) => {
    const cluster = await startFakeCluster(t);
    const node = apps("daemonsets", "calico-node");
    const typha = apps("deployments", "calico-typha");
    const other = apps("deployments", "web");
    const operator = { ...apps("deployments", "tigera-operator"), namespace: "tigera-operator" };
    await cluster.put(
      node,
      storedWorkload(
        node,
        {
          image: "registry.example.org:5000/calico/node:v3.32.1@sha256:abc",
          env: [{ name: "CALICO_API_GROUP", value: "projectcalico.org/v3" }],
        },
        { initContainers: [{ name: "certs", image: "quay.io/tigera/key-cert-provisioner:v1.1.9" }] },
      ),
    );
    await cluster.put(typha, storedWorkload(typha, { image: "quay.io/calico/typha@sha256:abc" }));
    await cluster.put(operator, storedWorkload(operator, { image: "quay.io/tigera/operator:v1.42.3" }));
    await cluster.put(other, storedWorkload(other, { image: "web:v1.0" }));

    const found = await gatherWorkloads(cluster);

    assert.deepEqual(
      found.workloads.map(({ name, images, apiGroup, serviceAccount }) => [
        name,
        images.map(({ version }) => version),
        apiGroup,
        serviceAccount,
      ]),
      [
        ["calico-node", ["v3.32.1"], "projectcalico.org/v3", "calico-node"],
        ["calico-typha", [undefined], undefined, "calico-typha"],
      ],
    );
    assert.equal(found.operator?.images[0]?.version, "v1.42.3");
    assert.deepEqual(found.installations, []);
  });
});
