import { checkClusterSecret } from "../../shared/adapters/aws/secrets/checked-secret.ts";
import type { ClusterSecret } from "../../shared/adapters/aws/secrets/cluster-secret.ts";
import { eksCredentials } from "../../shared/adapters/aws/secrets/eks-credentials.ts";
import { EksTokens } from "../../shared/adapters/aws/secrets/eks-tokens.ts";
import { openCluster } from "../../shared/adapters/aws/secrets/open-cluster.ts";
import type { Clock } from "../../shared/engine/ports.ts";
import type { ServerRules } from "../../shared/kubernetes/stored-kubeconfig-server.ts";

/** What a try needs to know. */
interface ProbeSettings {
  clock: Clock;
  userAgent: string;
  rules: ServerRules;
}

/** Connects to both sides once, exactly as functions will. Throws what connecting throws. */
export async function probeSecret(
  name: string,
  secret: ClusterSecret,
  { clock, userAgent, rules }: ProbeSettings,
): Promise<void> {
  const checked = checkClusterSecret(name, secret, rules);
  const { token } = new EksTokens(eksCredentials(), clock);
  const settings = { concurrency: 1, userAgent, eksToken: token, allowLoopback: rules.allowLoopback };
  const opened = await openCluster(checked, () => Promise.resolve(checked), settings);
  try {
    if (checked.etcd !== undefined) await opened.connections.etcd().status();
  } finally {
    await opened.close();
  }
}
