import type { Followed } from "./errors.ts";

const ETCD = "shared/migrations/etcd-to-kubernetes";
const NATIVE = "shared/migrations/apiserver-to-crds/preflight/followed-checks.test.ts";
const RESTORE = "shared/migrations/backup/restore";

const GOES_ON = "lets the run go on";
const IS_QUIET = "is not told again";
const IS_A_YES = "is a yes that the run takes";

function rows(file: string, title: string, checks: readonly string[]): Followed {
  return Object.fromEntries(checks.map((check) => [check, [file, title]]));
}

/** The advice of each check of preflight, with a test that follows it and gets further. */
export const CHECKS: Readonly<Record<"etcd-to-kubernetes" | "apiserver-to-crds" | "restore", Followed>> = {
  "etcd-to-kubernetes": {
    ...rows(`${ETCD}/followed-checks.test.ts`, GOES_ON, [
      ...["etcd-reachable", "etcd-holds-calico", "kubernetes-version", "crds-established", "access"],
      ...[
        "target-empty",
        "values-valid",
        "names-unique",
        "schema-accepts",
        "server-accepts",
        "others-on-etcd",
      ],
    ]),
    ...rows(`${ETCD}/followed-checks.test.ts`, IS_QUIET, [
      ...["crds-of-version", "calico-version", "references-resolve", "server-tried"],
    ]),
    ...rows(`${ETCD}/followed-checks.test.ts`, IS_A_YES, ["all-carried", "nodes-mapped", "foreign-owners"]),
    "etcd-history": [`${ETCD}/followed-checks.test.ts`, "is to do nothing: etcd-history"],
    manifest: [`${ETCD}/followed-checks.test.ts`, "starts it again with another manifest: manifest"],
    "lock-rehearsal": [`${ETCD}/rehearsals.test.ts`, "with the place named, and goes on with the right"],
    spelling: [`${ETCD}/preflight-faults.test.ts`, "is respelt and told, and both sides mean the same"],
  },
  "apiserver-to-crds": rows(NATIVE, "lets it pass", [
    ...["old-group", "old-group-in-use", "upstream-migration", "mirror-status", "compatibility", "installer"],
    ...["component-versions", "admission-policies", "native-crds", "other-runs", "kinds-convertible"],
    ...["objects-convertible", "schema-accepts", "names-unique", "namespaces-there", "quotas", "left-out"],
    ...["crd-owners", "access", "component-access", "aggregated-api", "api-server-duties"],
    ...["cluster-information", "built-in-tiers", "policy-names", "finalizers", "policy-types", "gitops"],
    ...["webhooks", "lock-rehearsal", "native-writers", "foreign-dependants"],
  ]),
  restore: {
    "backup-whole": [
      `${RESTORE}/followed-checks.test.ts`,
      "names another backup, which is restored: backup-whole",
    ],
    "backup-finished": [`${RESTORE}/followed-checks.test.ts`, `${IS_A_YES}: backup-finished`],
    "backup-valid": [`${RESTORE}/followed-advice.test.ts`, "another one is restored"],
    access: [`${RESTORE}/followed-checks.test.ts`, `${GOES_ON}: access`],
    "api-server-accepts": [`${RESTORE}/followed-checks.test.ts`, `${GOES_ON}: api-server-accepts`],
    "datastore-unlocked": [
      "shared/migrations/backup/restore.test.ts",
      "does not take over another run's lock unasked",
    ],
    "all-restorable": [
      "shared/migrations/backup/restore.test.ts",
      "leaves out what was being deleted when the backup was made, with consent",
    ],
    addresses: [
      "shared/migrations/backup/restore.test.ts",
      "asks before anything is changed, and about old addresses apart",
    ],
    "only-here": [
      "shared/migrations/backup/restore.test.ts",
      "asks again about what has come since it was shown, before anything is locked",
    ],
    "hidden-natives": [
      "shared/migrations/backup/hidden-natives.test.ts",
      "is asked about, and listed by name, whatever was done",
    ],
  },
};

/** Whose advice no test follows: nothing is to be done, or it was not brought about yet. */
export const NOT_FOLLOWED: readonly string[] = [
  // There is nothing to migrate.
  "etcd-to-kubernetes calico-node",
  "restore dependants-readable",
];
