import type { Followed } from "./errors.ts";

const ETCD = "shared/migrations/etcd-to-kubernetes";
const NATIVE = "shared/migrations/apiserver-to-crds";
const RESTORE = "shared/migrations/backup/restore";

/** Errors of the domain, the engine and the migrations. */
export const RUNS: Followed = {
  "shared/calico/lock.ts CLUSTER_INFORMATION_INVALID": [
    `${ETCD}/followed-advice.test.ts`,
    "a ClusterInformation of etcd that is broken at the lock: it is repaired, then resume",
  ],
  "shared/engine/engine.ts ABORT_TOO_LATE": [
    "shared/engine/engine.test.ts",
    "an abort is refused past the point of no return, and asks for nothing; a rollback is not refused",
  ],
  "shared/engine/engine.ts MIGRATION_UNKNOWN": [
    "shared/engine/followed-advice.test.ts",
    "a migration that there is not: each that is named starts",
  ],
  "shared/engine/engine.ts OPTIONS_INVALID": ["cli/followed-advice.test.ts", "are in the help that is named"],
  "shared/engine/engine.ts STAGE_UNKNOWN": [
    "shared/engine/followed-advice.test.ts",
    "a stage that there is not: before each that is named a run can stop",
  ],
  "shared/engine/engine.ts UNDO_ENDED": [
    `${ETCD}/followed-advice.test.ts`,
    "a run that was given up inside the lock (UNDO_ENDED): unlock, delete what has its manager, start",
  ],
  "shared/engine/engine.ts UNDO_TOO_LATE": [
    "shared/engine/followed-advice.test.ts",
    "a run of which nothing can be undone any more (UNDO_TOO_LATE) ends after a resume",
  ],
  "shared/engine/errors.ts ARTIFACT_CORRUPT": [
    "shared/adapters/embedded/artifact-store.test.ts",
    "is read in a copy of the store from before the damage, as the error says",
  ],
  "shared/engine/errors.ts ARTIFACT_NOT_FOUND": [
    "cli/start/manifests.test.ts",
    "is told by its name, and one that `manifests` lists is read",
  ],
  "shared/engine/errors.ts RUN_EXISTS": [
    "shared/engine/followed-advice.test.ts",
    "an id that is taken: another one starts, and the first one can be looked at",
  ],
  "shared/engine/errors.ts RUN_NOT_FOUND": [
    "cli/followed-advice.test.ts",
    "`get` lists those that there are, and --store names another file",
  ],
  "shared/engine/errors.ts STORE_VERSION": [
    "cli/followed-advice.test.ts",
    "for it is of another version (STORE_VERSION): that goes on with it, and another file serves",
  ],
  "shared/engine/resolutions.ts RESOLUTIONS_TOO_MANY": [
    "shared/engine/followed-advice.test.ts",
    "more decisions than fit (RESOLUTIONS_TOO_MANY) are made some hundreds at a time, or for a whole kind",
  ],
  "shared/engine/stage-list.ts RUN_MIGRATION_UNKNOWN": [
    "shared/engine/followed-advice.test.ts",
    "its migration: the version that started it goes on, or the run is given up",
  ],
  "shared/engine/stage-list.ts RUN_STAGES_CHANGED": [
    "shared/engine/stage-list.test.ts",
    "does not go on with the run, which the first version can",
  ],
  "shared/engine/stage-list.ts RUN_STAGE_UNKNOWN": [
    "shared/engine/followed-advice.test.ts",
    "the stage that it has reached: the version that started it goes on, or the run is given up",
  ],
  "shared/engine/subjects.ts SUBJECT_UNKNOWN": [
    "shared/engine/followed-advice.test.ts",
    "a subject that nothing asks for: each that is named is known, and what a run waits for goes on",
  ],
  "shared/migrations/access.ts MIGRATION_UNKNOWN": [
    "shared/migrations/access.test.ts",
    "are refused for another one (MIGRATION_UNKNOWN), with the names of those that have some",
  ],
  "shared/engine/errors.ts CLUSTER_BUSY": [
    "shared/engine/followed-advice.test.ts",
    "another run on the same cluster (CLUSTER_BUSY)",
  ],
  "shared/engine/errors.ts STORE_UNAVAILABLE": [
    `${ETCD}/lost-answers.test.ts`,
    "stops the run with a clear error, wherever it is, and nothing that was recorded is lost",
  ],
  "shared/engine/deadlines.ts GATE_DEADLINE": [
    "shared/engine/stage-runner.test.ts",
    "a resume grants the time once more",
  ],
  "shared/engine/subjects.ts APPROVAL_STALE": [
    "cli/commands/commands.test.ts",
    "what to approve is named with its fingerprint, and another one is refused",
  ],
  "shared/engine/subjects.ts APPROVAL_UNSEEN": [
    "cli/commands/commands.test.ts",
    "approves a loss in advance only as a plan has shown it",
  ],
  "shared/migrations/copying/unsettled.ts COPY_FAILED": [
    `${ETCD}/preflight-faults.test.ts`,
    "an object that etcd finds too large while it is copied is named at once, tried once, and goes on when it is smaller",
  ],
  "shared/migrations/rollout.ts ROLLOUT_FAILED": [
    `${ETCD}/followed-advice.test.ts`,
    "a rollout that has failed: the pods are mended, then resume",
  ],
  "shared/migrations/target/lock.ts LOCK_NOT_HELD": [
    `${ETCD}/followed-advice.test.ts`,
    "a lock that somebody lifts at once: that is stopped, then resume",
  ],
  "shared/migrations/target/rehearse.ts REHEARSAL_FAILED": [
    `${ETCD}/rehearsals.test.ts`,
    "a write that would be refused inside it leaves both sides unlocked, and is named",
  ],
  [`${ETCD}/apply-changes.ts CATCH_UP_BLOCKED`]: [
    `${ETCD}/catch-up.test.ts`,
    "two new resources that become one object stop the run until one of them is deleted",
  ],
  [`${ETCD}/recording.ts CATCH_UP_BLOCKED`]: [
    `${ETCD}/followed-advice.test.ts`,
    "a change that is broken: it is mended in etcd, then resume",
  ],
  [`${ETCD}/late-changes.ts SOURCE_LOCK_LOST`]: [
    `${ETCD}/followed-advice.test.ts`,
    "an etcd that somebody has unlocked: rollback, then start again",
  ],
  [`${ETCD}/late-changes.ts SOURCE_STILL_WRITTEN`]: [
    `${ETCD}/busy-source.test.ts`,
    "is given up after a time, with what is written, and goes on once that has stopped",
  ],
  [`${ETCD}/preflight/facts.ts TARGET_GROUP_AMBIGUOUS`]: [
    `${ETCD}/followed-advice.test.ts`,
    "a target with the CRDs of both groups: start again with --target-group",
  ],
  [`${ETCD}/rehearsals.ts ETCD_AUTH`]: [
    `${ETCD}/rehearsals.test.ts`,
    "is refused before the lock where a right was taken away since",
  ],
  [`${ETCD}/source-lock.ts SOURCE_LOCKED_BY_OTHER`]: [
    `${ETCD}/followed-advice.test.ts`,
    "an etcd that another run has locked: that one is finished, then resume",
  ],
  [`${ETCD}/source-lock.ts SOURCE_NOT_CALICO`]: [
    `${ETCD}/followed-advice.test.ts`,
    "an etcd without ClusterInformation: it is there again, then resume",
  ],
  "shared/migrations/copying/problems.ts COPY_REFUSED": [
    `${NATIVE}/stages/try-copy.test.ts`,
    "but for what is left out then, as the error advises",
  ],
  [`${ETCD}/undo/lock-again.ts SOURCE_UNLOCKED`]: [
    `${ETCD}/followed-advice.test.ts`,
    "a late way back from an etcd that somebody has unlocked: the run is given up",
  ],
  [`${NATIVE}/cluster-information.ts LOCK_MISSING`]: [
    `${NATIVE}/followed-advice.test.ts`,
    "an old group without ClusterInformation: it is there again, then resume",
  ],
  [`${NATIVE}/native-access.ts NATIVE_NOT_REACHED`]: [
    `${NATIVE}/native-missing.test.ts`,
    "is named while batches wait for it (NATIVE_NOT_REACHED); once it is stopped, the run goes on by itself",
  ],
  [`${NATIVE}/native-definitions.ts CLUSTER_USED_BY_OTHER`]: [
    `${NATIVE}/two-stores.test.ts`,
    "is seen before the second version is opened (CLUSTER_USED_BY_OTHER)",
  ],
  [`${NATIVE}/native-definitions.ts NATIVE_CRD_UNFIT`]: [
    `${NATIVE}/native-missing.test.ts`,
    "stops the run before the lock; once it is as it was, the run goes on",
  ],
  [`${NATIVE}/native-definitions.ts NATIVE_CRD_LOST`]: [
    `${NATIVE}/native-missing.test.ts`,
    "before the lock stops the run with nothing locked; it is undone and started again",
  ],
  [`${NATIVE}/native-api.ts SECOND_VERSION_LOST`]: [
    `${NATIVE}/rivals.test.ts`,
    "all the time keep a run that is undone from ending, with nothing locked, until they are left alone",
  ],
  [`${NATIVE}/native-look.ts VERIFY_FAILED`]: [
    `${NATIVE}/native-only.test.ts`,
    "and in the old group while the run is held before the unlock is found, or applied",
  ],
  [`${NATIVE}/second-version.ts SECOND_VERSION_LOST`]: [
    `${NATIVE}/rivals.test.ts`,
    "all the time keep a run that is undone from ending, with nothing locked, until they are left alone",
  ],
  [`${NATIVE}/stages/catch-up.ts OLD_GROUP_BUSY`]: [
    `${NATIVE}/catch-up.test.ts`,
    "is given up after a time, with who writes, and goes on once they have stopped",
  ],
  [`${NATIVE}/stages/cleanup.ts CLEANUP_REFUSED`]: [
    `${NATIVE}/stages/cleanup.test.ts`,
    "is refused while a workload does not run with the native group; once it does, a resume goes on",
  ],
  [`${NATIVE}/stages/cleanup.ts CLEANUP_STUCK`]: [
    `${NATIVE}/stages/cleanup.test.ts`,
    "are told with the objects whose finalizers hold them, and a resume waits for them anew",
  ],
  [`${NATIVE}/stages/pause-gitops.ts GITOPS_BUSY`]: [
    `${NATIVE}/stages/gitops-stages.test.ts`,
    "that does not come to rest stops the run; a resume grants the time once more, and goes on once it rests",
  ],
  [`${NATIVE}/stages/pause-gitops.ts GITOPS_MANAGES_CALICO`]: [
    `${NATIVE}/stages/gitops-stages.test.ts`,
    "stops the run with gitops=refuse, and is not touched with gitops=ignore",
  ],
  [`${ETCD}/stages/prepare-target.ts SOURCE_NOT_CALICO`]: [
    `${ETCD}/followed-advice.test.ts`,
    "a ClusterInformation that cannot be carried: it is mended in etcd, then resume",
  ],
  "shared/migrations/copying/verify-kinds.ts VERIFY_FAILED": [
    `${NATIVE}/native-only.test.ts`,
    "is a difference, by name, until it is deleted",
  ],
  [`${NATIVE}/cluster-information.ts NATIVE_NOT_SERVED`]: [
    `${NATIVE}/followed-advice.test.ts`,
    "an APIService that somebody puts back all the time (NATIVE_NOT_SERVED): once that is stopped, the run goes on by itself",
  ],
  [`${NATIVE}/compare-sides.ts NATIVE_NOT_SERVED`]: [
    `${NATIVE}/compare-sides.test.ts`,
    "is refused while native objects are hidden, until the run has gone on",
  ],
  "shared/migrations/nothing-copied.ts NOTHING_COPIED": [
    `${NATIVE}/compare-sides.test.ts`,
    "is refused for a run that has copied nothing, until it has gone on",
  ],
  [`${NATIVE}/compare-sides.ts OLD_GROUP_DELETED`]: [
    `${NATIVE}/compare-sides.test.ts`,
    "is refused once the old group is deleted",
  ],
  [`${NATIVE}/mirror/mirror.ts MIRROR_NOT_SERVED`]: [
    `${NATIVE}/mirror/mirror.test.ts`,
    "a CRD that is gone is a failure of showing until it is applied again, and nothing on the way back",
  ],
  [`${NATIVE}/native-api.ts NATIVE_NOT_SERVED`]: [
    `${NATIVE}/followed-advice.test.ts`,
    "and what is hidden by it is compared again",
  ],
  [`${NATIVE}/stages/cleanup.ts OLD_GROUP_DELETED`]: [
    `${NATIVE}/stages/cleanup.test.ts`,
    "gives back the old group that was deleted, and what stands beside it, on a newer Kubernetes too",
  ],
  [`${NATIVE}/stages/release-owners.ts OWNERS_UNSETTLED`]: [
    `${NATIVE}/followed-advice.test.ts`,
    "owner references that somebody sets all the time: that is stopped, then resume",
  ],
  [`${NATIVE}/stages/verify-changes.ts VERIFY_FAILED`]: [
    `${NATIVE}/followed-advice.test.ts`,
    "what changed since the copy and is changed in the native group: it is mended, then resume",
  ],
  [`${NATIVE}/undo/verify-undone.ts UNDO_INCOMPLETE`]: [
    `${NATIVE}/undo/verify-undone.test.ts`,
    "that has written to the old group, which it never does, does not end before that is mended",
  ],
  [`${RESTORE}/content.ts BACKUP_INVALID`]: [
    `${RESTORE}/followed-advice.test.ts`,
    "a backup that is none (BACKUP_INVALID): another one is restored",
  ],
  [`${RESTORE}/preflight/stage.ts BACKUP_NOT_FOUND`]: [
    `${RESTORE}/followed-advice.test.ts`,
    "a backup that is not there: the run that is named has one",
  ],
  [`${RESTORE}/put-items.ts RESTORE_DISTURBED`]: [
    `${RESTORE}/followed-advice.test.ts`,
    "an object that somebody writes to all the time: that is stopped, then resume",
  ],
  "shared/migrations/target/remove.ts TARGET_BEING_DELETED": [
    "shared/migrations/target/remove.test.ts",
    "is not written over one that is being deleted (TARGET_BEING_DELETED), and created once that is gone",
  ],
  [`${RESTORE}/only-here.ts RESTORE_REFUSED`]: [
    "shared/migrations/backup/restore.test.ts",
    "locks nothing while something is being deleted by then (RESTORE_REFUSED)",
  ],
  [`${RESTORE}/kubernetes-side.ts RESTORE_REFUSED`]: [
    "shared/migrations/backup/restore.test.ts",
    "puts nothing in the place of what is being deleted, until that is gone",
  ],
  [`${RESTORE}/put-items.ts RESTORE_REFUSED`]: [
    `${RESTORE}/followed-advice.test.ts`,
    "an object that is refused: its cause is mended, then resume",
  ],
  [`${RESTORE}/put-items.ts RESTORE_STALE`]: [
    "shared/migrations/backup/as-shown.test.ts",
    "writes over nothing that has changed since the dry run, inside the lock either",
  ],
  [`${RESTORE}/stages/rehearse.ts RESTORE_REFUSED`]: [
    `${RESTORE}/followed-advice.test.ts`,
    "an object that would be refused: its cause is mended, then resume",
  ],
  [`${RESTORE}/stages/rehearse.ts RESTORE_STALE`]: [
    "shared/migrations/backup/restore.test.ts",
    "does not overwrite addresses that have changed since they were shown",
  ],
  [`${RESTORE}/stages/verify.ts VERIFY_FAILED`]: [
    "shared/migrations/backup/restore.test.ts",
    "finds what somebody changes inside the lock",
  ],
  "shared/migrations/break-glass/locks.ts LOCK_MISSING": [
    "cli/commands/unlock.test.ts",
    "refuses a datastore that is not there (LOCK_MISSING): what it shows without --side is",
  ],
  "shared/migrations/break-glass/locks.ts LOCK_NOT_OURS": [
    "cli/commands/unlock.test.ts",
    "refuses a lock that is not ours, until somebody has lifted it",
  ],
  [`${ETCD}/stages/verify-changes.ts VERIFY_FAILED`]: [
    `${ETCD}/followed-advice.test.ts`,
    "what changed since the copy and is changed in the target: it is mended, then resume",
  ],
  [`${ETCD}/undo/verify-undone.ts UNDO_INCOMPLETE`]: [
    `${ETCD}/followed-advice.test.ts`,
    "an etcd that somebody locks again on the way back: that is stopped, then resume",
  ],
  "shared/migrations/manifests.ts MANIFEST_HAS_SECRET": [
    "cli/commands/manifests.test.ts",
    "keeps no manifest with a Secret in it, until that is taken out",
  ],
  "shared/migrations/manifests.ts MANIFEST_SOURCE_REFUSED": [
    "functions/run/handler.test.ts",
    "that no function reads is refused at once, without the URL's query",
  ],
  "shared/migrations/target/release-fields.ts FIELDS_NOT_RELEASED": [
    "shared/migrations/target/release-fields.test.ts",
    "and that a webhook gives back at every write (FIELDS_NOT_RELEASED) are released once it is mended",
  ],
  "shared/engine/dead-letter.ts WORK_ABANDONED": [
    "shared/engine/dead-letter.test.ts",
    "fails its run, which says why, and which goes on when it is resumed",
  ],
  "shared/engine/leave-out.ts SKIP_IMPOSSIBLE": [
    "shared/engine/leave-out.test.ts",
    "is refused for a migration that cannot (SKIP_IMPOSSIBLE): a resume without it goes on",
  ],
  "shared/engine/leave-out.ts SKIP_TOO_LATE": [
    `${NATIVE}/left-out.test.ts`,
    "is refused once it is approved what is left out; after a rollback another run leaves it out",
  ],
  "shared/engine/leave-out.ts SKIP_UNKNOWN": [
    "shared/engine/leave-out.test.ts",
    "is refused where it is misspelt or not there (SKIP_UNKNOWN): what is right is left out",
  ],
  "shared/engine/lock.ts LOCK_BUDGET_EXCEEDED": [
    "cli/lock.test.ts",
    "--max-lock allows another one more time",
  ],
  "shared/engine/stage-list.ts RUN_STAGE_UNKNOWN 2": [
    "shared/engine/stage-list.test.ts",
    "does not go on with the run, which the first version can",
  ],
  [`${NATIVE}/cluster-information.ts SOURCE_LOCKED_BY_OTHER`]: [
    `${NATIVE}/followed-advice.test.ts`,
    "group locked by another run (${code}): that one is finished, then resume",
  ],
  [`${NATIVE}/cluster-information.ts TARGET_LOCKED_BY_OTHER`]: [
    `${NATIVE}/followed-advice.test.ts`,
    "group locked by another run (${code}): that one is finished, then resume",
  ],
  [`${NATIVE}/preflight/stage.ts NOTHING_TO_MIGRATE`]: [
    `${NATIVE}/preflight/stage.test.ts`,
    "and nothing else; with the right cluster there is",
  ],
  [`${NATIVE}/stages/cleanup.ts CLEANUP_REFUSED 2`]: [
    `${NATIVE}/compared-before-cleanup.test.ts`,
    "keeps the old group, by name",
  ],
  [`${ETCD}/target-lock.ts TARGET_LOCKED_BY_OTHER`]: [
    `${ETCD}/followed-advice.test.ts`,
    "a target that another run has locked: that one is finished, then resume",
  ],
  "shared/migrations/preflight/reports.ts PREFLIGHT_FAILED": [
    `${ETCD}/followed-advice.test.ts`,
    "a target with the CRDs of both groups: start again with --target-group",
  ],
};
