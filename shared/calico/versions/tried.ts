/** Versions that a migration was run with, on a real etcd and a real API server. */
export interface Trial {
  readonly migration: "etcd-to-kubernetes" | "apiserver-to-crds";
  /** The Calico of the source, and of the target. */
  readonly from: string;
  readonly to: string;
  readonly kubernetes: string;
  /** How far it went, and what was held against what. */
  readonly how: string;
}

const KUBERNETES = "1.36";
const LIKE_CALICOCTL =
  "copied and verified with that version's own data and CRDs; every object equals what its own calicoctl imports";
const UPGRADE = "copied and verified with the versions' own data and CRDs";
const DOWNGRADE = `${UPGRADE}; what the older one has no place for was named, and left behind with consent`;
const BACK = "in every test run, with CRDs of that shape: there, and back after the unlock";
const NEWEST_CRDS =
  "in every test run, with data of that version and CRDs of the newest shape: there, and back after the unlock";
const NATIVE =
  "in every test run, with CRDs of that shape: to the end, and back from right before the unlock; once with Calico's own CRDs of its main branch";
const NATIVE_ONCE =
  "once, with CRDs of that shape (`CALICO_MIGRATOR_TEST_CALICO`): to the end, and back from right before the unlock";
const NATIVE_3_32 = `${NATIVE_ONCE}; once with Calico's own CRDs of v3.32.1, both ways`;
const BETA_ADMISSION =
  "with the beta admission API and a manifest in v1: to the end, and back from right before the unlock";
const BETA_ON_1_34 = `once, on kube-apiserver 1.34.4 ${BETA_ADMISSION}`;
const BETA_ON_1_35 = `once, on kube-apiserver 1.35.4 ${BETA_ADMISSION}; also of an old group that lacks a kind`;
const OLD_ON_1_34 =
  "once, on kube-apiserver 1.34.4, with CRDs of that shape: there, and back after the unlock";
const NEWEST_ON_1_34 =
  "once, on kube-apiserver 1.34.4, with CRDs of the newest shape, and straight to `projectcalico.org/v3`: there, and back";
const OLD_ON_1_35 =
  "once, on kube-apiserver 1.35.4, with CRDs of that shape: there, and back after the unlock";
const NEWEST_ON_1_35 =
  "once, on kube-apiserver 1.35.4, with CRDs of the newest shape, and straight to `projectcalico.org/v3`: there, and back";
const THEIR_CRDS =
  "once, with Calico's own CRDs of v3.32.1, of `crd.projectcalico.org/v1` and of `projectcalico.org/v3`: there, and back (of the first after the unlock)";
const ON_1_32 = "once, on kube-apiserver 1.32.13";
const OLD_ON_1_32 = `${ON_1_32}, with CRDs of that shape: there, and back after the unlock`;
const NEWEST_ON_1_32 = `${ON_1_32}, with CRDs of the newest shape, by the command line too, and straight to \`projectcalico.org/v3\`: there, and back`;
const ON_1_28 = "once, on kube-apiserver 1.28.15";
const OLD_ON_1_28 = `${ON_1_28}, with CRDs of that shape: there, and back after the unlock`;
const NEWEST_ON_1_28 = `${ON_1_28}, with CRDs of the newest shape, by the command line too, and straight to \`projectcalico.org/v3\`: there, and back`;
const OLD_KUBERNETES =
  "once (`CALICO_MIGRATOR_TEST_KUBERNETES`), with CRDs of the newest shape: there and back after the unlock, twice, with the API server killed in between";

/** What was tried. docs/versions.md is made of it. */
export const TRIED: readonly Trial[] = [
  etcd("3.28.5", "3.28.5", LIKE_CALICOCTL),
  etcd("3.31.7", "3.31.7", LIKE_CALICOCTL),
  etcd("3.32.1", "3.32.1", LIKE_CALICOCTL),
  etcd(
    "3.24.6",
    "3.24.6",
    `${LIKE_CALICOCTL}, and its IPReservations, which that calicoctl leaves behind, are carried`,
  ),
  etcd("3.24.6", "3.32.1", UPGRADE),
  etcd("3.28.5", "3.31.7", UPGRADE),
  etcd("3.24.6", "3.15.5", DOWNGRADE),
  etcd("3.32.1", "3.28.5", DOWNGRADE),
  etcd("3.24", "3.24", BACK),
  etcd("3.32", "3.32", NEWEST_CRDS),
  etcd("3.24", "3.24", OLD_ON_1_28, "1.28"),
  etcd("3.32", "3.32", OLD_KUBERNETES, "1.28"),
  etcd("3.32", "3.32", NEWEST_ON_1_28, "1.28"),
  etcd("3.32", "3.32", THEIR_CRDS),
  etcd("3.24", "3.24", OLD_ON_1_32, "1.32"),
  etcd("3.32", "3.32", NEWEST_ON_1_32, "1.32"),
  etcd("3.24", "3.24", OLD_ON_1_34, "1.34"),
  etcd("3.32", "3.32", NEWEST_ON_1_34, "1.34"),
  etcd("3.24", "3.24", OLD_ON_1_35, "1.35"),
  etcd("3.32", "3.32", NEWEST_ON_1_35, "1.35"),
  native("3.32", BETA_ON_1_34, "1.34"),
  native("3.34", BETA_ON_1_35, "1.35"),
  native("3.32", NATIVE_3_32),
  native("3.33", NATIVE_ONCE),
  native("3.34", NATIVE),
];

function etcd(from: string, to: string, how: string, kubernetes = KUBERNETES): Trial {
  return { migration: "etcd-to-kubernetes", from, to, kubernetes, how };
}

function native(calico: string, how: string, kubernetes = KUBERNETES): Trial {
  return { migration: "apiserver-to-crds", from: calico, to: calico, kubernetes, how };
}
