import type { JsonObject } from "../../../shared/json.ts";
import { mustRequest, type TestApi } from "../../harness/api.ts";
import { waitUntil } from "../../harness/wait.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** A tool's object that manages something of Calico, with its definition. */
interface GitOpsObject {
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespace: string;
  spec: JsonObject;
  status: JsonObject;
}

const OBJECTS: readonly GitOpsObject[] = [
  {
    group: "argoproj.io",
    version: "v1alpha1",
    plural: "applications",
    kind: "Application",
    namespace: "argocd",
    spec: {
      project: "default",
      destination: { server: "https://kubernetes.default.svc", namespace: "default" },
      syncPolicy: { automated: { prune: true, selfHeal: true }, syncOptions: ["ServerSideApply=true"] },
    },
    status: {
      resources: [
        { group: "crd.projectcalico.org", version: "v1", kind: "GlobalNetworkSet", name: "set-00000" },
      ],
    },
  },
  {
    group: "kustomize.toolkit.fluxcd.io",
    version: "v1",
    plural: "kustomizations",
    kind: "Kustomization",
    namespace: "flux-system",
    spec: {
      interval: "10m",
      path: "./calico",
      prune: true,
      sourceRef: { kind: "GitRepository", name: "ops" },
    },
    status: { inventory: { entries: [{ id: "_platform_crd.projectcalico.org_Tier", v: "v1" }] } },
  },
];

/** The collections of both tools' objects. */
export const GITOPS_PATHS: readonly string[] = OBJECTS.map(collectionOf);

/** Puts an Application of Argo CD that syncs by itself, and a Kustomization of Flux, into a cluster; each manages an object of Calico. */
export async function installGitOps(api: TestApi): Promise<void> {
  for (const object of OBJECTS) {
    await mustRequest(api, "POST", CRDS, definitionOf(object));
    const metadata = { name: object.namespace };
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata };
    await mustRequest(api, "POST", "/api/v1/namespaces", namespace);
    const path = collectionOf(object).replace(/[^/]+$/, `namespaces/${object.namespace}/$&`);
    await waitUntil({ what: `${object.kind} can be created`, timeoutMs: 120_000 }, () =>
      mustRequest(api, "POST", path, instanceOf(object)),
    );
  }
}

function collectionOf({ group, version, plural }: GitOpsObject): string {
  return `/apis/${group}/${version}/${plural}`;
}

function definitionOf({ group, version, plural, kind }: GitOpsObject): JsonObject {
  const openAPIV3Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { plural, kind },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}

function instanceOf({ group, version, kind, spec, status }: GitOpsObject): JsonObject {
  return { apiVersion: `${group}/${version}`, kind, metadata: { name: "calico" }, spec, status };
}
