import { join } from "node:path";
import { isJsonObject } from "../../shared/json.ts";
import { mustRequest, type TestApi } from "./api.ts";
import { writeKubeconfig } from "./kubeconfig.ts";

const ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts";
const NAME = "calico-migrator-test-unprivileged";

/** Makes a service account to which no role is bound, and a kubeconfig with a token of it (valid for an hour). */
export async function createUnprivilegedKubeconfig(api: TestApi, folder: string): Promise<string> {
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: NAME } };
  await mustRequest(api, "POST", ACCOUNTS, account, { accepted: [409] });
  const request = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 3600 },
  };
  const { status } = await mustRequest(api, "POST", `${ACCOUNTS}/${NAME}/token`, request);
  const token = isJsonObject(status) && typeof status["token"] === "string" ? status["token"] : "";
  const path = join(folder, "unprivileged.kubeconfig");
  writeKubeconfig(path, { server: api.server, ca: api.ca, token });
  return path;
}
