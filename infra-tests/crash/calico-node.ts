import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../shared/json.ts";

/** Calico's DaemonSet as a manifest has it, for one datastore, with an image of this tag. */
export function calicoNode(datastore: "etcdv3" | "kubernetes", tag: string = datastore): JsonObject {
  const labels = { "k8s-app": "calico-node" };
  const ofEtcd = datastore === "etcdv3" ? [{ name: "ETCD_ENDPOINTS", value: "http://10.96.0.9:6666" }] : [];
  const env = [{ name: "DATASTORE_TYPE", value: datastore }, ...ofEtcd];
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "calico-node", namespace: "kube-system", labels },
    spec: {
      selector: { matchLabels: labels },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "100%" } },
      template: {
        metadata: { labels },
        spec: {
          hostNetwork: true,
          tolerations: [{ operator: "Exists" }],
          containers: [{ name: "calico-node", image: `calico/node:${tag}`, env }],
        },
      },
    },
  };
}

/** Writes a manifest for the Kubernetes datastore into a folder: the DaemonSet and a ConfigMap that was not there. */
export function writeManifest(folder: string, tag?: string): string {
  const path = join(folder, "calico.yaml");
  const metadata = { name: "calico-config", namespace: "kube-system" };
  const config = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { typha: "none" } };
  writeFileSync(
    path,
    [config, calicoNode("kubernetes", tag)].map((object) => JSON.stringify(object)).join("\n---\n"),
  );
  return path;
}
