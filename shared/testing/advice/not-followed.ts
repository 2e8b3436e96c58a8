/** What no test has followed yet. A new error does not belong here. */
export const NOT_FOLLOWED: readonly string[] = [
  "shared/engine/dead-letter.ts WORK_ABANDONED",
  "shared/engine/lock.ts LOCK_BUDGET_EXCEEDED",
  "shared/engine/stage-list.ts RUN_STAGE_UNKNOWN 2",
  "shared/migrations/apiserver-to-crds/cluster-information.ts SOURCE_LOCKED_BY_OTHER",
  "shared/migrations/apiserver-to-crds/cluster-information.ts TARGET_LOCKED_BY_OTHER",
  "shared/migrations/apiserver-to-crds/preflight/stage.ts NOTHING_TO_MIGRATE",
  "shared/migrations/apiserver-to-crds/stages/cleanup.ts CLEANUP_REFUSED 2",
  "shared/migrations/etcd-to-kubernetes/target-lock.ts TARGET_LOCKED_BY_OTHER",
  "shared/migrations/preflight/reports.ts PREFLIGHT_FAILED",
];
