import { defineMigration } from "../../engine/migration.ts";
import type { ClusterConnections } from "../connections.ts";
import { lockPolicy } from "../lock-options.ts";
import { resourceTraces } from "../traces.ts";
import { EtcdToKubernetesOptions } from "./options.ts";
import { preflight } from "./preflight/stage.ts";
import { backup } from "./stages/backup.ts";
import { catchUp, finalCatchUp } from "./stages/catch-up.ts";
import { follow } from "./stages/follow.ts";
import { lock } from "./stages/lock.ts";
import { preCopy } from "./stages/pre-copy.ts";
import { prepareTarget } from "./stages/prepare-target.ts";
import {
  releaseCopies,
  releaseCopiesBack,
  releaseManifest,
  releaseManifestBack,
} from "./stages/release-fields.ts";
import { report } from "./stages/report.ts";
import { rolloutAll, rolloutGate } from "./stages/rollout.ts";
import { switchDatastore } from "./stages/switch.ts";
import { tryCopy } from "./stages/try-copy.ts";
import { unlock } from "./stages/unlock.ts";
import { verifyChanges } from "./stages/verify-changes.ts";
import { verifyRevisions } from "./stages/verify-revisions.ts";
import { verifySweep } from "./stages/verify.ts";
import { verifyUndone } from "./undo/verify-undone.ts";

/** Calico's data from an etcdv3 datastore to the Kubernetes datastore, with rollback before and after the unlock. */
export const etcdToKubernetes = defineMigration<ClusterConnections, EtcdToKubernetesOptions>({
  name: "etcd-to-kubernetes",
  title: "move Calico's data from etcdv3 to the Kubernetes datastore",
  options: EtcdToKubernetesOptions,
  lockPolicy,
  traces: resourceTraces,
  stages: [
    preflight,
    backup,
    prepareTarget,
    tryCopy,
    preCopy,
    verifySweep({
      name: "verify-copy",
      title: "compare the copy with the source",
      sourceChanged: "later",
      writtenByOthers: "difference",
    }),
    follow,
    lock,
    catchUp,
    verifyChanges,
    switchDatastore,
    verifySweep({
      name: "verify-all",
      title: "compare everything once more while the rollout goes on",
      sourceChanged: "later",
      writtenByOthers: "noted",
    }),
    rolloutGate("rollout", "wait until Calico's workloads run with the Kubernetes datastore"),
    finalCatchUp,
    verifyRevisions,
    unlock,
    rolloutAll,
    releaseCopies,
    releaseManifest,
    report,
  ],
  afterUndo: [verifyUndone, releaseCopiesBack, releaseManifestBack],
});
