import { MigratorError } from "../../../errors.ts";
import { type EtcdConnection, parseEtcdMaterial } from "../../../etcd/config.ts";
import { parseStoredKubeconfig, type StoredCluster } from "../../../kubernetes/stored-kubeconfig.ts";
import { authorityOf } from "../../../kubernetes/stored-kubeconfig-material.ts";
import { checkHost, checkServer, type ServerRules } from "../../../kubernetes/stored-kubeconfig-server.ts";
import { type ClusterSecret, clusterSecretInvalid } from "./cluster-secret.ts";
import type { EksCluster } from "./eks-cluster.ts";

/** A secret that may be connected with: every server in it is one that the rules allow. */
export interface CheckedClusterSecret {
  kubernetes: { kind: "kubeconfig"; stored: StoredCluster } | { kind: "eks"; eks: EksCluster; ca: string };
  etcd: EtcdConnection | undefined;
}

/**
 * Checks what a secret's schema cannot say: the kubeconfig, the servers, certificates and keys. Throws
 * CLUSTER_SECRET_INVALID, which names the secret and the field; `details.reason` is the code of the refusal.
 */
export function checkClusterSecret(
  secretName: string,
  { kubeconfig, eks, etcd }: ClusterSecret,
  rules: ServerRules = {},
): CheckedClusterSecret {
  try {
    etcd?.endpoints.forEach((endpoint, index) => {
      checkHost(`etcd.endpoints.${index}`, endpoint.replace(/^https?:\/\/|:\d+$/g, ""), rules);
    });
    return {
      kubernetes:
        eks === undefined
          ? { kind: "kubeconfig", stored: parseStoredKubeconfig(kubeconfig ?? "", rules) }
          : checkEks(eks, rules),
      etcd: etcd === undefined ? undefined : parseEtcdMaterial(etcd),
    };
  } catch (error) {
    if (error instanceof MigratorError) throw clusterSecretInvalid(secretName, error.message, error);
    throw error;
  }
}

function checkEks(eks: EksCluster, rules: ServerRules): CheckedClusterSecret["kubernetes"] {
  checkServer("eks.endpoint", eks.endpoint, rules);
  return { kind: "eks", eks, ca: authorityOf("eks.certificateAuthorityData", eks.certificateAuthorityData) };
}
