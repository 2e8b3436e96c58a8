import { finalizers } from "./checks/finalizers.ts";
import { mirrorStatus } from "./checks/mirror-status.ts";
import { upstreamMigration } from "./checks/upstream-migration.ts";
import type { Facts } from "./facts.ts";
import { healthy, manifestCrd, workload } from "./testing/facts.ts";
import { judged } from "./testing/judged.ts";

const CRD = manifestCrd("datastoremigrations.migration.projectcalico.org");

function kubeControllers(version: string | undefined): Facts["workloads"] {
  const images = [{ container: "calico-kube-controllers", image: "x", version }];
  return [workload("calico-node"), workload("calico-kube-controllers", { images })];
}

function asked(changes: Partial<Facts>): Facts {
  return healthy({ mirrorStatus: true, workloads: [workload("calico-node")], ...changes });
}

judged(mirrorStatus, [
  { when: "where it is not asked for", facts: healthy(), verdict: "pass", message: /not asked/ },
  {
    when: "where there is nothing to show the run in",
    facts: asked({}),
    verdict: "block",
    message: /neither in the cluster nor in the manifest/,
    next: /--crds/,
  },
  { when: "where the CRD comes with the manifest", facts: asked({ manifest: [CRD] }), verdict: "pass" },
  { when: "where the CRD is there", facts: asked({ migrationVersions: ["v1"] }), verdict: "pass" },
  {
    when: "where a controller runs that nobody has looked at",
    facts: asked({ migrationVersions: ["v1"], workloads: kubeControllers("v3.34.0") }),
    verdict: "block",
    message: /calico-kube-controllers v3\.34\.0 in calico-system/,
  },
  {
    when: "where it may run",
    facts: asked({ migrationVersions: ["v1"], workloads: kubeControllers(undefined) }),
    verdict: "block",
    message: /cannot be told/,
  },
  {
    when: "where the controller acts on upstream's own name alone",
    facts: asked({ migrationVersions: ["v1"], workloads: kubeControllers("v3.32.1") }),
    verdict: "pass",
  },
]);

judged(upstreamMigration, [
  {
    when: "while another run is shown",
    facts: healthy({ migrations: [{ name: "calico-migrator-run-1", phase: "Migrating" }] }),
    verdict: "block",
    message: /shows a run of calico-migrator/,
    next: /calico-migrator get/,
  },
  {
    when: "while upstream's migration stands beside one that is shown",
    facts: healthy({
      migrations: [
        { name: "calico-migrator-run-1", phase: "Complete" },
        { name: "v1-to-v3", phase: "" },
      ],
    }),
    verdict: "block",
    message: /v1-to-v3 \(phase Pending\)/,
    next: /Let it finish/,
  },
]);

judged(finalizers, [
  { when: "where nothing is held", facts: healthy(), verdict: "pass" },
  {
    when: "of objects that would keep the old CRDs",
    facts: healthy({ held: { count: 7, first: ["Tier a (x.org/y)", "b", "c", "d", "e", "f"] } }),
    verdict: "warn",
    message: /7 with finalizers of their own: Tier a \(x\.org\/y\), b, c, d, e, and 2 more/,
    next: /kubectl get/,
  },
  {
    when: "of a deletion that is not complete",
    facts: healthy({ deleting: { count: 1, first: ["Tier old"] } }),
    verdict: "warn",
    message: /1 being deleted: Tier old/,
    items: ["Tier old"],
  },
]);
