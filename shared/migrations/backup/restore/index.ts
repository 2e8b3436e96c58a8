import { defineMigration } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { lockPolicy } from "../../lock-options.ts";
import { resourceTraces } from "../../traces.ts";
import { RestoreOptions } from "./options.ts";
import { preflight } from "./preflight/stage.ts";
import { lock } from "./stages/lock.ts";
import { releaseDependants, restoreDependants } from "./stages/release-dependants.ts";
import {
  releaseDefinitions,
  releaseFields,
  releaseOthers,
  releaseOthersBack,
} from "./stages/release-fields.ts";
import { restoreApiServiceStage } from "./stages/restore-apiservice.ts";
import { rehearse } from "./stages/rehearse.ts";
import { restoreCrds } from "./stages/restore-crds.ts";
import { restoreOwners } from "./stages/restore-owners.ts";
import { restoreItems } from "./stages/restore.ts";
import { unlock } from "./stages/unlock.ts";
import { verify } from "./stages/verify.ts";
import { releaseFieldsBack } from "./undo/release-fields-back.ts";

/** Puts one side back as a backup has it, with a way back of its own. */
export const restore = defineMigration<ClusterConnections, RestoreOptions>({
  name: "restore",
  title: "put one side back as a backup has it",
  command: "restore",
  options: RestoreOptions,
  lockPolicy,
  traces: resourceTraces,
  stages: [
    preflight,
    restoreCrds,
    rehearse,
    lock,
    restoreItems,
    restoreOwners,
    verify,
    unlock,
    releaseFields,
    releaseDefinitions,
    releaseDependants,
    restoreApiServiceStage,
    restoreDependants,
    releaseOthers,
  ],
  afterUndo: [releaseFieldsBack, releaseOthersBack],
});
