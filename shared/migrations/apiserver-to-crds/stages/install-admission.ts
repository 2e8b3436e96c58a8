import type { Action } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { createMissing } from "../create-missing.ts";
import { readCrdManifest } from "../manifest.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { removeCreated } from "../undo-install.ts";
import { isMutating } from "./install-crds.ts";

const undoAdmission: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "remove-admission",
  title: "delete the admission policies that this run created late",
  act: async (context) => {
    await removeCreated(context, "install-admission");
    return { done: true };
  },
};

/** Creates the admission policies for which `install-crds` had to wait, as a broken API server was in their way. */
export const installAdmission: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "install-admission",
  title: "create the admission policies that a broken API server was in the way of",
  changesCluster: true,
  undo: [undoAdmission],
  act: async (context) => {
    if ((await context.notesOf("install-crds"))["admissionLate"] !== true) return { done: true };
    await createMissing(context, (await readCrdManifest(context)).filter(isMutating));
    return { done: true };
  },
};
