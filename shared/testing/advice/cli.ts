import type { Followed } from "./errors.ts";

const USAGE = "cli/followed-usage.test.ts";
const NAMES = "cli/followed-advice.test.ts";
const ON_AWS = "cli/aws/followed-advice.test.ts";
const BACKUPS = "cli/commands/backup.test.ts";
const PLANS = "cli/start/from-plan.test.ts";
const COMMANDS = "cli/commands/commands.test.ts";
const CONFLICTS = "cli/commands/conflicts/conflicts.test.ts";
const CLUSTERS = "cli/commands/clusters/clusters-aws.test.ts";
const UNLOCK = "cli/commands/unlock.test.ts";

/** Errors of the command line. */
export const CLI: Followed = {
  "cli/aws/actions.ts COMMAND_NOT_TAKEN": [ON_AWS, "works later, as `get` shows"],
  "cli/aws/errors.ts AWS_CREDENTIALS_MISSING": [ON_AWS, "with those of the environment it is answered"],
  "cli/aws/errors.ts AWS_CREDENTIALS_INVALID": [ON_AWS, "with new ones it is answered"],
  "cli/aws/errors.ts AWS_REGION_MISSING": [ON_AWS, "--region gives it, and so does AWS_REGION"],
  "cli/aws/errors.ts AWS_DENIED": [ON_AWS, "another one is answered"],
  "cli/aws/errors.ts AWS_UNREACHABLE": [ON_AWS, "AWS_ENDPOINT_URL with another is answered"],
  "cli/aws/new-cluster.ts USAGE": [USAGE, "an EKS cluster whose endpoint tells no region has --eks-region"],
  "cli/aws/new-cluster.ts KUBECONFIG_FILE_UNREADABLE": [
    CLUSTERS,
    "that is not there (KUBECONFIG_FILE_UNREADABLE), and takes it once it is",
  ],
  "cli/aws/outputs.ts STACK_INCOMPLETE": [ON_AWS, "deployed again, it is read"],
  "cli/aws/outputs.ts STACK_NOT_FOUND": [ON_AWS, "once it is deployed, it is read"],
  "cli/aws/outputs.ts STACK_NOT_READY": [ON_AWS, "once that is through, it is read"],
  "cli/aws/publish.ts COMMAND_NOT_SENT": [ON_AWS, "is taken when it is sent again"],
  "cli/aws/service-account-token.ts SERVICE_ACCOUNT_NOT_FOUND": [
    CLUSTERS,
    "tells how a service account that is missing is made",
  ],
  "cli/backup/export.ts BACKUP_UNFINISHED": [BACKUPS, "another one is made, and exported"],
  "cli/backup/export.ts BACKUP_NOT_FOUND": [BACKUPS, "a run that `get` lists has one"],
  "cli/backup/export.ts BACKUP_FOLDER_NOT_EMPTY": [BACKUPS, "is to one that is empty, or new"],
  "cli/backup/import.ts BACKUP_FOLDER_INVALID": [BACKUPS, "one that `backup export` has written is"],
  "cli/backup/import.ts BACKUP_FOLDER_CHANGED": [BACKUPS, "is as it was kept, or with --accept-changes"],
  "cli/backup/import.ts BACKUP_EXISTS": [BACKUPS, "is under a name of its own"],
  "cli/backup/layout.ts BACKUP_FILE_INVALID": [BACKUPS, "is once it is mended where that is named"],
  "cli/backup/read-folder.ts BACKUP_FOLDER_INVALID": [BACKUPS, "one that `backup export` has written is"],
  "cli/commands/abandon.ts ABANDON_UNDOABLE": [
    COMMANDS,
    "abandon refuses a run that can be undone (ABANDON_UNDOABLE), and names the way back",
  ],
  "cli/commands/backup.ts USAGE": [
    BACKUPS,
    "that has no name (USAGE) is the present one only where that is said",
  ],
  "cli/commands/clusters/add-aws.ts USAGE": [USAGE, "two ways to the credentials are one"],
  "cli/commands/clusters/add-aws.ts USAGE 2": [USAGE, "a region for EKS has its cluster's name"],
  "cli/commands/clusters/add-aws.ts USAGE 3": [USAGE, "a token's life has its service account"],
  "cli/commands/clusters/add-aws.ts USAGE 4": [USAGE, "a service account is written as NAMESPACE/NAME"],
  "cli/commands/clusters/add.ts USAGE": [USAGE, "options of AWS without it are left out, or get --aws"],
  "cli/commands/clusters/add.ts USAGE 2": [USAGE, "a label without a value is written as it is shown"],
  "cli/commands/compare.ts NOT_COMPARABLE": [
    NAMES,
    "of a backup (NOT_COMPARABLE) can with one of a migration",
  ],
  "cli/commands/conflicts/resolve.ts USAGE": [USAGE, "resolve without a side or a file has its help"],
  "cli/commands/conflicts/resolve.ts CONFLICT_UNKNOWN": [
    CONFLICTS,
    "refuses keys of no conflict, and decides nothing; takes those that are listed",
  ],
  "cli/commands/conflicts/resolve.ts CONFLICT_ONLY_SKIPPED": [
    CONFLICTS,
    "of which no side can count is refused (CONFLICT_ONLY_SKIPPED), and left out with --use skip",
  ],
  "cli/commands/conflicts/resolve.ts CONFLICTS_UNDECIDED": [
    CONFLICTS,
    "without keys decides all that are listed, as the documents say",
  ],
  "cli/commands/conflicts/resolve.ts CONFLICTS_UNDECIDED 2": [
    CONFLICTS,
    "in which nothing is decided; one that is written anew is taken",
  ],
  "cli/commands/conflicts/review.ts CONFLICTS_FILE_INVALID": [
    CONFLICTS,
    "refuses a file that is not there, or in which nothing is decided; one that is written anew is taken",
  ],
  "cli/commands/manifests.ts USAGE": [USAGE, "a manifest to keep here goes to start, or to AWS"],
  "cli/commands/restore.ts RESTORE_CLUSTER_MISSING": [
    BACKUPS,
    "leaves the cluster open (RESTORE_CLUSTER_MISSING), which --kubeconfig says",
  ],
  "cli/commands/start.ts USAGE": [USAGE, "no migration at all is one that is named"],
  "cli/commands/start.ts USAGE 2": [USAGE, "leaves the name out, or gives a plan of that one"],
  "cli/commands/unlock.ts SIDE_AMBIGUOUS": [
    UNLOCK,
    "asks which one where there are several, also where only one is locked",
  ],
  "cli/commands/unlock.ts USAGE": [
    UNLOCK,
    "takes no cluster's name for whatever kubectl has chosen, nor one that is not registered",
  ],
  "cli/commands/watch.ts WATCH_TIMEOUT": [
    NAMES,
    "in the time that is given (WATCH_TIMEOUT) shows how it stands with `get`",
  ],
  "cli/config.ts PROFILE_UNKNOWN": ["cli/target.test.ts", "a home has, and --store and --aws need none"],
  "cli/config.ts CONFIG_INVALID": ["cli/target.test.ts", "is written as it is told (CONFIG_INVALID)"],
  "cli/config.ts PROFILE_UNKNOWN 2": [
    "cli/target.test.ts",
    "names the profiles that there are, and one that is written into it is known",
  ],
  "cli/connections.ts ETCD_NOT_CONFIGURED": [
    "cli/connections.test.ts",
    "says that a cluster has no etcd when one is needed, and how it gets one",
  ],
  "cli/drive/confirm.ts NOT_CONFIRMED": [
    COMMANDS,
    "rollback asks for the cluster's name on a terminal, and does nothing for another",
  ],
  "cli/drive/confirm.ts INTERRUPTED": [
    COMMANDS,
    "instead of the cluster's name ends with exit code 130, and nothing is done",
  ],
  "cli/drive/confirm.ts CONFIRMATION_NEEDED": [
    COMMANDS,
    "do nothing without a terminal and --yes, with exit code 4",
  ],
  "cli/local-session.ts NOT_ON_AWS": [
    NAMES,
    "on AWS (NOT_ON_AWS) can from where the cluster is reached, and start checks the same first",
  ],
  "cli/migration.ts MIGRATION_UNKNOWN": [
    NAMES,
    "a migration that there is not (MIGRATION_UNKNOWN): each that is named is taken",
  ],
  "cli/migration.ts USAGE": [NAMES, "what has a command of its own (USAGE) is asked for by that"],
  "cli/options/connection.ts CLUSTER_DIFFERS": [
    COMMANDS,
    "refuses a name that stands for another API server, until one of the two is given up",
  ],
  "cli/options/migrations/index.ts USAGE": [
    USAGE,
    "gives the fingerprint of a plan, or approves when it is asked",
  ],
  "cli/options/migrations/index.ts USAGE 2": [
    USAGE,
    "an option of another migration is left out, or goes with that one",
  ],
  "cli/options/parse.ts USAGE": [NAMES, "an item of a list (USAGE) is told by itself, with what is right"],
  "cli/plan/kept-plan.ts PLAN_OUTDATED": [PLANS, "is made again, with the options that are wanted"],
  "cli/plan/kept-plan.ts PLAN_UNKNOWN": [PLANS, "is in the store where it was made, by its hash"],
  "cli/plan/kept-plan.ts PLAN_AMBIGUOUS": [PLANS, "is named by all digits"],
  "cli/plan/kept-plan.ts PLAN_EXPIRED": [PLANS, "of another migration, or too old until it is made again"],
  "cli/plan/preview.ts INTERRUPTED": [
    NAMES,
    "for a plan was interrupted (INTERRUPTED) can once more, and nothing was changed",
  ],
  "cli/plan/registration.ts CLUSTER_DIFFERS": [
    PLANS,
    "is planned for registered clusters alone, and for the same that is registered",
  ],
  "cli/probe.ts USAGE": [USAGE, "gives --etcd-endpoints, and keeps its way to the API server"],
  "cli/program.ts USAGE": [USAGE, "what commander refuses is in the help that is named"],
  "cli/runs.ts RUN_NONE_FITS": [
    NAMES,
    "no run that fits (RUN_NONE_FITS): `get` lists all, and one of them can be named",
  ],
  "cli/runs.ts RUN_AMBIGUOUS": [
    NAMES,
    "several runs that fit (RUN_AMBIGUOUS): the one that is named goes on",
  ],
  "cli/output/lost.ts OUTPUT_LOST": [
    "cli/bin.test.ts",
    "is lost on a full disk (OUTPUT_LOST) is not where there is room",
  ],
  "cli/start/check-line.ts USAGE": [USAGE, "what is said of an etcd says which etcd it is"],
  "cli/start/prepare-aws.ts USAGE": [
    USAGE,
    "a start with a kubeconfig has a cluster that is registered with it",
  ],
  "cli/start/prepare-aws.ts USAGE 2": [USAGE, "a start without a cluster has one that is listed"],
  "cli/start/prepare-aws.ts CLUSTER_NOT_FOUND": [
    CLUSTERS,
    "is registered as it says, or is one that is listed",
  ],
  "cli/start/prepare-aws.ts USAGE 3": [USAGE, "a cluster without Calico's etcd is registered again, with it"],
  "cli/store.ts STORE_NOT_FOUND": [
    NAMES,
    "for there is no store (STORE_NOT_FOUND) can in one that is named, or that a start has made",
  ],
  "cli/store.ts STORE_UNNAMED": [
    "cli/store.test.ts",
    "is never put into whatever folder the program runs in",
  ],
  "cli/target.ts USAGE": [USAGE, "for --aws and --store exclude each other, has one of the two"],
  "cli/unlock/alive.ts RUN_ALIVE": [
    UNLOCK,
    "refuses the lock of a run that the store knows, until that has ended",
  ],
  "cli/unlock/one-side.ts SIDE_NOT_USED": [
    UNLOCK,
    "opens what calico-node uses, not another one (SIDE_NOT_USED), but with --anyway",
  ],
  "cli/unlock/one-side.ts SIDE_OTHER_OPEN": [
    UNLOCK,
    "opens one and never two: not beside one that is open (SIDE_OTHER_OPEN), but with --anyway",
  ],
  "cli/unlock/place.ts USAGE": [
    UNLOCK,
    "takes no cluster's name for whatever kubectl has chosen, nor one that is not registered",
  ],
};
