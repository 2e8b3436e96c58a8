import { kindInfo, KINDS, targetKind } from "../../../calico/kinds.ts";
import { backupSweep } from "../../backup/sweep.ts";
import { decisions } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";

/** The backup of both sides, of etcd at the revision that preflight has pinned. */
export const backup = backupSweep<EtcdToKubernetesOptions>(async (context) => {
  const { pinnedRevision, targetGroup, calico } = await decisions(context);
  // Kinds that the target has no CRD for are passed over, as nobody asked for the rights to look.
  const { missingKinds } = calico;
  const kinds = KINDS.filter(({ kind, group }) => group !== "none" && !missingKinds.includes(kind));
  const resources = kinds.map(({ kind }) => targetKind(kindInfo(kind), targetGroup));
  return { pinnedRevision, resources };
});
