import { describe } from "node:test";
import { admissionPolicies } from "./checks/admission-policies.ts";
import { compatibility } from "./checks/compatibility.ts";
import { componentVersions } from "./checks/component-versions.ts";
import { crdOwners } from "./checks/crd-owners.ts";
import { installer } from "./checks/installer.ts";
import { nativeCrds } from "./checks/native-crds.ts";
import type { Facts } from "./facts.ts";
import {
  byOperator,
  crd,
  crdsOf,
  healthy,
  manifestCrd,
  manifestPolicy,
  operator,
  workload,
} from "./testing/facts.ts";
import { judged } from "./testing/judged.ts";

const POOLS = "ippools.projectcalico.org";
const withoutPools = crdsOf("projectcalico.org/v3").filter(({ name }) => name !== POOLS);

function image(
  container: string,
  version: string | undefined,
): ReturnType<typeof workload>["images"][number] {
  return { container, image: `calico/${container}:${version ?? "edge"}`, version };
}

describe("checks of what is installed", () => {
  judged(compatibility, [
    {
      when: "and says what it found",
      facts: byOperator("v1.44.0"),
      verdict: "pass",
      message: /Kubernetes v1.36.1, Calico v3.33.0, operator v1.44.0, MutatingAdmissionPolicy v1$/,
    },
    {
      when: "with something that only may not fit",
      facts: healthy({ kubernetes: "v1.37.0" }),
      verdict: "warn",
      message: /newer/,
    },
    {
      when: "with something that does not fit, and says the step for that",
      facts: byOperator("v1.42.0", { kubernetes: "v1.37.0" }),
      verdict: "block",
      message: /v1\.37\.0 is newer.*; operator v1\.42\.0 uses/,
      next: /Upgrade the operator to 1\.42\.2/,
    },
    {
      when: "for manifests, whatever an idle operator can do",
      facts: healthy({ workloads: [workload("calico-node", { images: [image("calico-node", "v3.31.0")] })] }),
      verdict: "block",
      message: /3\.31\.0 cannot/,
    },
  ]);

  judged(installer, [
    {
      when: "with manifests",
      facts: healthy(),
      verdict: "pass",
      message: /manifests install Calico in calico-system/,
    },
    {
      when: "with the operator",
      facts: byOperator("v1.44.0"),
      verdict: "pass",
      message: /operator \(in tigera-operator\) installs Calico in calico-system/,
    },
    {
      when: "with an operator that installs nothing",
      facts: healthy({ operator: operator("v1.44.0") }),
      verdict: "warn",
      message: /has no Installation/,
    },
    {
      when: "with Helm, and says what to set",
      facts: healthy({ workloads: [workload("calico-node", { helmRelease: "kube-system/calico" })] }),
      verdict: "warn",
      message: /Helm release kube-system\/calico/,
      next: /CALICO_API_GROUP/,
    },
    {
      when: "without calico-node",
      facts: healthy({ workloads: [] }),
      verdict: "block",
      message: /no DaemonSet/,
    },
    {
      when: "half-way between two installers",
      facts: healthy({
        workloads: [workload("calico-node"), workload("calico-node", { namespace: "kube-system" })],
      }),
      verdict: "block",
      message: /several namespaces: calico-system, kube-system/,
    },
    {
      when: "with Calico Enterprise",
      facts: byOperator("v1.44.0", {
        installations: [{ name: "default", variant: "TigeraSecureEnterprise" }],
      }),
      verdict: "block",
      message: /variant TigeraSecureEnterprise/,
    },
  ]);

  judged(componentVersions, [
    { when: "with one version", facts: healthy(), verdict: "pass", message: /all are v3.33.0/ },
    {
      when: "with rebuilt images of one version",
      facts: healthy({
        workloads: [
          workload("calico-node", { images: [image("calico-node", "v3.33.0-build20260801")] }),
          workload("calico-typha"),
        ],
      }),
      verdict: "pass",
    },
    {
      when: "with two versions, naming where each is",
      facts: healthy({
        workloads: [
          workload("calico-node", {
            images: [image("calico-node", "v3.33.0"), image("install-cni", "v3.29.1")],
          }),
        ],
      }),
      verdict: "block",
      message: /v3\.29\.1: DaemonSet calico-system\/calico-node \(install-cni\)/,
    },
    {
      when: "with images that name no version",
      facts: healthy({ workloads: [workload("calico-node", { images: [image("calico-node", undefined)] })] }),
      verdict: "warn",
      message: /DaemonSet calico-system\/calico-node \(calico-node\)/,
    },
    { when: "without images", facts: healthy({ workloads: [] }), verdict: "warn" },
  ]);

  judged(admissionPolicies, [
    { when: "with those of the cluster", facts: healthy(), verdict: "pass", message: /in the cluster/ },
    {
      when: "with those of the manifest",
      facts: healthy({ manifest: [manifestPolicy("v1")] }),
      verdict: "pass",
      message: /1 come with the manifest/,
    },
    {
      when: "with those of the operator",
      facts: byOperator("v1.44.0", { admissionPolicies: [] }),
      verdict: "pass",
      message: /operator/,
    },
    { when: "without any", facts: healthy({ admissionPolicies: [] }), verdict: "warn" },
    {
      when: "with those of Calico 3.32's manifest on Kubernetes 1.36",
      facts: healthy({ manifest: [manifestPolicy("v1beta1")] }),
      verdict: "pass",
      message: /1 come .*v1beta1, which this Kubernetes does not serve: they are created in .*\/v1, where/,
      items: ["MutatingAdmissionPolicy tierlabel"],
    },
    {
      when: "with those of a newer manifest on Kubernetes 1.34",
      facts: healthy({ manifest: [manifestPolicy("v1")], admission: ["v1beta1"] }),
      verdict: "pass",
      message: /created in admissionregistration\.k8s\.io\/v1beta1, where they mean the same$/,
    },
    {
      when: "where Kubernetes serves none",
      facts: healthy({ manifest: [manifestPolicy("v1")], admission: [] }),
      verdict: "block",
      message: /serves none/,
    },
  ]);

  judged(nativeCrds, [
    {
      when: "when all are there, and says what cannot be seen yet",
      facts: healthy(),
      verdict: "pass",
      message:
        /all are established; what \d+ of them hold already is hidden .* by the stage try-copy, before the first/,
    },
    {
      when: "when all are there and seen",
      facts: healthy({ apiService: { served: "automanaged" } as Facts["apiService"] }),
      verdict: "pass",
      message: /^all are established$/,
    },
    {
      when: "when the manifest has the missing one",
      facts: healthy({ nativeCrds: withoutPools, manifest: [manifestCrd(POOLS)] }),
      verdict: "pass",
      message: /1 will be created/,
    },
    {
      when: "when one is missing",
      facts: healthy({ nativeCrds: withoutPools }),
      verdict: "block",
      message: /1 native CRDs are missing, among them ippools/,
      next: /--crds/,
    },
    {
      when: "when the manifest has the old group's",
      facts: healthy({
        nativeCrds: withoutPools,
        manifest: [
          {
            ...manifestCrd(POOLS),
            spec: { versions: [{ name: "v1", served: true, storage: true }] },
          },
        ],
      }),
      verdict: "block",
    },
    {
      when: "when one is being deleted",
      facts: healthy({
        nativeCrds: [...withoutPools, crd(POOLS, { established: false, reason: "it is being deleted" })],
      }),
      verdict: "block",
      message: /ippools\.projectcalico\.org: it is being deleted/,
    },
    {
      when: "when one stores another version",
      facts: healthy({ nativeCrds: [...withoutPools, crd(POOLS, { storage: "v4" })] }),
      verdict: "block",
      message: /stores v4, not v3/,
    },
    {
      when: "when one cannot have the second version",
      facts: healthy({
        nativeCrds: [
          ...withoutPools,
          crd(POOLS, { secondVersion: { state: "impossible", reason: "a webhook converts its versions" } }),
        ],
      }),
      verdict: "warn",
      next: /inside the lock/,
    },
    {
      when: "whatever other CRDs of the group are like",
      facts: healthy({
        nativeCrds: [
          ...crdsOf("projectcalico.org/v3"),
          crd("others.projectcalico.org", { established: false, reason: "broken" }),
        ],
      }),
      verdict: "pass",
    },
  ]);

  judged(crdOwners, [
    { when: "when nobody owns them", facts: healthy(), verdict: "pass" },
    {
      when: "when Helm owns the old ones, with the way out",
      facts: healthy({
        oldCrds: [
          crd("tiers.crd.projectcalico.org", { owner: { tool: "helm", name: "tigera-operator/calico" } }),
        ],
      }),
      verdict: "block",
      message: /1 CRDs of the old group belong to the Helm release tigera-operator\/calico/,
      next: /resource-policy=keep.*release-name=calico meta\.helm\.sh\/release-namespace=tigera-operator/s,
      items: ["tiers.crd.projectcalico.org"],
    },
    {
      when: "when an object set owns the old ones",
      facts: healthy({
        oldCrds: [
          crd("tiers.crd.projectcalico.org", { owner: { tool: "objectset", name: "rke2-calico-crd" } }),
        ],
      }),
      verdict: "block",
      message: /the object set of rke2-calico-crd/,
      next: /objectset\.rio\.cattle\.io\/hash-/,
    },
    {
      when: "when Helm owns the native ones",
      facts: healthy({
        nativeCrds: [crd(POOLS, { owner: { tool: "helm", name: "tigera-operator/crds" } })],
      }),
      verdict: "warn",
      next: /Do not upgrade it/,
    },
  ]);
});
