import { defineMigration } from "../../engine/migration.ts";
import type { ClusterConnections } from "../connections.ts";
import { lockPolicy } from "../lock-options.ts";
import { resourceTraces } from "../traces.ts";
import { leaveOutRule } from "./left-out.ts";
import { readCrdManifest } from "./manifest.ts";
import { statusMirror } from "./mirror/mirror.ts";
import { ApiserverToCrdsOptions } from "./options.ts";
import { phaseOf } from "./phase.ts";
import { preflight } from "./preflight/stage.ts";
import { backup, backupNative } from "./stages/backup.ts";
import { catchUp, catchUpLast, follow } from "./stages/catch-up.ts";
import { cleanup } from "./stages/cleanup.ts";
import { closeSecondVersion } from "./stages/close-second-version.ts";
import { holdOperator } from "./stages/hold-operator.ts";
import { installAdmission } from "./stages/install-admission.ts";
import { installCrds } from "./stages/install-crds.ts";
import { lock } from "./stages/lock.ts";
import { openSecondVersion } from "./stages/open-second-version.ts";
import { pauseGitOps } from "./stages/pause-gitops.ts";
import { copyLocked, preCopy } from "./stages/pre-copy.ts";
import { releaseFields, releaseFieldsEarly, releaseFieldsLast } from "./stages/release-fields.ts";
import { releaseOthers, releaseOthersBack, releaseOwned, releaseOwnedBack } from "./stages/release-others.ts";
import { releaseNewOwners, releaseOwners } from "./stages/release-owners.ts";
import { removeApiServer } from "./stages/remove-api-server.ts";
import { removeApiServiceStage } from "./stages/remove-apiservice.ts";
import { report } from "./stages/report.ts";
import { restoreForeignOwners } from "./stages/restore-foreign-owners.ts";
import { restoreOwners } from "./stages/restore-owners.ts";
import { resumeGitOps } from "./stages/resume-gitops.ts";
import { rollout } from "./stages/rollout.ts";
import { switchOperator } from "./stages/switch-operator.ts";
import { switchGroup } from "./stages/switch.ts";
import { tryCopy } from "./stages/try-copy.ts";
import { unlock } from "./stages/unlock.ts";
import { verifyChanges } from "./stages/verify-changes.ts";
import { verifySweep } from "./stages/verify.ts";
import { askLateChanges } from "./undo/late-changes.ts";
import { deleteLeftoversEarly } from "./undo/leftovers.ts";
import { verifyUndone } from "./undo/verify-undone.ts";

/** Calico's data from behind the aggregated API server to native CRDs of projectcalico.org/v3. */
export const apiserverToCrds = defineMigration<ClusterConnections, ApiserverToCrdsOptions>({
  name: "apiserver-to-crds",
  title: "move Calico's data from behind the aggregated API server to native CRDs",
  options: ApiserverToCrdsOptions,
  lockPolicy,
  traces: resourceTraces,
  stages: [
    preflight(async (context) => ({
      crds: await readCrdManifest(context),
      gitops: context.options.gitops,
      skip: context.options.skip,
      leftOut: context.leftOut,
      skipForeignOwnerReferences: context.options.skipForeignOwnerReferences,
      mirrorStatus: context.options.mirrorStatus,
      guards: context.options.guards,
    })),
    installCrds,
    pauseGitOps,
    backup,
    openSecondVersion,
    backupNative,
    tryCopy,
    preCopy,
    verifySweep({
      name: "verify-copy",
      title: "compare the copy with the old group",
      sourceChanged: "later",
      changedByOthers: "difference",
    }),
    follow,
    releaseOwners,
    lock,
    holdOperator,
    releaseNewOwners,
    catchUp,
    removeApiServiceStage,
    catchUpLast,
    { ...copyLocked, undo: [...(copyLocked.undo ?? []), deleteLeftoversEarly, releaseFieldsEarly] },
    verifyChanges,
    switchGroup,
    unlock,
    restoreOwners,
    restoreForeignOwners,
    releaseFields,
    switchOperator,
    rollout,
    releaseFieldsLast,
    closeSecondVersion,
    installAdmission,
    removeApiServer,
    verifySweep({
      name: "verify-all",
      title: "compare everything once more, the old group being locked",
      sourceChanged: "difference",
      changedByOthers: "approval",
    }),
    cleanup,
    resumeGitOps,
    releaseOthers,
    releaseOwned,
    report,
  ],
  beforeUndo: [askLateChanges],
  afterUndo: [verifyUndone, releaseOthersBack, releaseOwnedBack],
  phase: phaseOf,
  leaveOut: leaveOutRule,
  show: statusMirror(),
});
