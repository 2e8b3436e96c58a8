import { textAt } from "../../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "../harness/api.ts";
import { writeKubeconfig } from "../harness/kubeconfig.ts";

/** The service account that `rbac` prints unless it is told another one. */
export const ACCOUNT = { namespace: "calico-migrator", serviceAccount: "calico-migrator" } as const;

/** Writes a kubeconfig with a token of the {@link ACCOUNT}, which must be there. */
export async function writeAccountKubeconfig(file: string, api: TestApi): Promise<void> {
  const { namespace, serviceAccount } = ACCOUNT;
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
  const asked = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
  const token = textAt(await mustRequest(api, "POST", path, asked), "status", "token");
  writeKubeconfig(file, { server: api.server, ca: api.ca, token });
}
