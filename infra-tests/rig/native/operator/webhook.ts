import { once } from "node:events";
import { createServer } from "node:https";
import { text } from "node:stream/consumers";
import type { JsonObject } from "../../../../shared/json.ts";
import { objectAt, textAt } from "../../../../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "../../../harness/api.ts";
import { createAuthority, createCertificate } from "../../../harness/certificates.ts";
import { freePort } from "../../../harness/ports.ts";

const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const COMPONENTS = "system:serviceaccount:calico-system:";

/** The webhook that the operator brings with native CRDs. */
export interface Webhook {
  /** Registers it with the API server, unless it is. */
  register(api: TestApi): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a webhook that lets nobody but Calico's components write ClusterInformation. (tigera/operator,
 * pkg/render/webhooks; projectcalico/calico, webhooks/pkg/clusterinfo)
 */
export async function startWebhook(): Promise<Webhook> {
  const authority = createAuthority("webhook authority");
  const certificate = createCertificate(authority, { commonName: "calico-webhooks", hosts: ["127.0.0.1"] });
  const server = createServer(certificate, (from, to) => {
    void text(from).then((body) => {
      const request = objectAt(JSON.parse(body) as JsonObject, "request");
      const allowed = textAt(request, "userInfo", "username").startsWith(COMPONENTS);
      const response = { uid: textAt(request, "uid"), allowed };
      to.setHeader("content-type", "application/json");
      to.end(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response }));
    });
  });
  const port = await freePort();
  server.listen(port, "127.0.0.1").unref();
  await once(server, "listening");
  const url = `https://127.0.0.1:${port}/cluster-info`;
  const configuration = webhookConfiguration(url, Buffer.from(authority.cert).toString("base64"));
  return {
    register: async (api) => {
      await mustRequest(api, "POST", CONFIGURATIONS, configuration, { accepted: [409] });
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function webhookConfiguration(url: string, caBundle: string): JsonObject {
  const rule = {
    apiGroups: ["projectcalico.org"],
    apiVersions: ["v3"],
    resources: ["clusterinformations"],
    operations: ["CREATE", "UPDATE", "DELETE"],
    scope: "*",
  };
  const webhook = {
    name: "cluster-info.api.projectcalico.org",
    admissionReviewVersions: ["v1"],
    clientConfig: { url, caBundle },
    failurePolicy: "Ignore",
    sideEffects: "None",
    timeoutSeconds: 5,
    rules: [rule],
  };
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: "api.projectcalico.org" },
    webhooks: [webhook],
  };
}
