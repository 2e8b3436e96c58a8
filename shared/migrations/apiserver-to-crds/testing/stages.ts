import { convertUid } from "../../../calico/uid.ts";
import { nativeMeaning } from "../../../calico/native/same-native.ts";
import { nativeId, v1Id } from "../../../calico/native/native-ids.ts";
import type { Action, Stage } from "../../../engine/migration.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { fieldManager } from "../../context.ts";
import { deleteIfOurs } from "../../target/ownership.ts";
import { nativeVersion, resources } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import type { Findings } from "../preflight/findings.ts";
import { backup, backupNative } from "../stages/backup.ts";
import { cleanup } from "../stages/cleanup.ts";
import { closeSecondVersion } from "../stages/close-second-version.ts";
import { holdOperator } from "../stages/hold-operator.ts";
import { installAdmission } from "../stages/install-admission.ts";
import { installCrds } from "../stages/install-crds.ts";
import { lock } from "../stages/lock.ts";
import { openSecondVersion } from "../stages/open-second-version.ts";
import { pauseGitOps } from "../stages/pause-gitops.ts";
import { releaseNewOwners, releaseOwners } from "../stages/release-owners.ts";
import { removeApiServer } from "../stages/remove-api-server.ts";
import { removeApiServiceStage } from "../stages/remove-apiservice.ts";
import { restoreForeignOwners } from "../stages/restore-foreign-owners.ts";
import { resumeGitOps } from "../stages/resume-gitops.ts";
import { rollout } from "../stages/rollout.ts";
import { switchGroup } from "../stages/switch.ts";
import { switchOperator } from "../stages/switch-operator.ts";
import { unlock } from "../stages/unlock.ts";
import { NAMESPACE, OWNER } from "./cluster.ts";

type AnyStage = Stage<ClusterConnections, ApiserverToCrdsOptions>;
type AnyAction = Action<ClusterConnections, ApiserverToCrdsOptions>;

/** The stages around the copying, with stand-ins for the copying and the verification, in the order of the migration. */
export function outerStages(findings: Partial<Findings> = {}): AnyStage[] {
  return [
    found(findings),
    installCrds,
    pauseGitOps,
    backup,
    openSecondVersion,
    backupNative,
    copyOwner,
    releaseOwners,
    lock,
    holdOperator,
    releaseNewOwners,
    removeApiServiceStage,
    switchGroup,
    unlock,
    restoreForeignOwners,
    switchOperator,
    rollout,
    closeSecondVersion,
    installAdmission,
    removeApiServer,
    {
      kind: "action",
      name: "verify-all",
      title: "compare nothing",
      act: () => Promise.resolve({ done: true }),
    },
    cleanup,
    resumeGitOps,
  ];
}

function found(findings: Partial<Findings>): AnyAction {
  return {
    kind: "action",
    name: "preflight",
    title: "find what is given",
    act: async (context) => {
      await context.record({ findings: { installer: "manifests", namespace: NAMESPACE, ...findings } });
      return { done: true };
    },
  };
}

const deleteOwner: AnyAction = {
  kind: "action",
  name: "delete-copy",
  title: "delete the copied owner",
  act: async (context) => {
    await deleteIfOurs(context, { ...OWNER, apiVersion: "projectcalico.org/v3precopy" });
    return { done: true };
  },
};

/** Copies the one object that others belong to, through the second version. */
const copyOwner: AnyAction = {
  kind: "action",
  name: "pre-copy",
  title: "copy the owner of others",
  changesCluster: true,
  undo: [deleteOwner],
  act: async (context) => {
    const apiVersion = await nativeVersion(context);
    if (!apiVersion.endsWith("v3precopy")) return { done: true };
    const { plural, name } = OWNER;
    const { kubernetes } = context.connections;
    const source = await kubernetes.get({ ...OWNER, apiVersion: "crd.projectcalico.org/v1" });
    const object = { apiVersion, kind: "GlobalNetworkSet", metadata: { name }, spec: source["spec"] };
    const options = { fieldManager: fieldManager(context) };
    await kubernetes.create({ apiVersion, plural }, object, options).catch(() => undefined);
    const copy = await kubernetes.get({ ...OWNER, apiVersion });
    await resources(context).put([
      {
        rank: 2,
        key: v1Id("GlobalNetworkSet", undefined, name),
        state: "applied",
        target: nativeId("GlobalNetworkSet", undefined, name),
        sourceRevision: 0,
        sourceHash: nativeMeaning(copy),
        targetUid: textAt(copy, "metadata", "uid"),
        detail: { kind: "GlobalNetworkSet", name, uid: convertUid(textAt(source, "metadata", "uid")) ?? "" },
      },
    ]);
    return { done: true };
  },
};
