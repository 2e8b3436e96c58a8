import { writeFileSync } from "node:fs";
import { stringify } from "yaml";

/** What a kubeconfig file with one context says. */
export interface KubeconfigContent {
  server: string;
  /** PEM of the authority of the server's certificate. */
  ca: string;
  token: string;
}

/** Writes a kubeconfig with a single current context, readable by its owner only. */
export function writeKubeconfig(path: string, { server, ca, token }: KubeconfigContent): void {
  const name = "test";
  const content = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [
      { name, cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  };
  writeFileSync(path, stringify(content), { mode: 0o600 });
}
