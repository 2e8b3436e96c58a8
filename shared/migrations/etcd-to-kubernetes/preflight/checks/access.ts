import { checkAccess } from "../../../../kubernetes/access.ts";
import { rightText } from "../../../preflight/right-text.ts";
import { accessRules } from "../../access-rules.ts";
import { readRollbackManifest } from "../../manifest.ts";
import { type ConnectionCheck, fail, pass } from "../check.ts";

/** The identity in use may do all that the stages do. */
export const access: ConnectionCheck = {
  id: "access",
  title: "the Kubernetes user may do everything that the migration does",
  severity: "blocking",
  fix: "Grant these rights, which `calico-migrator rbac` prints as roles, then `resume`; or start again with a kubeconfig that has them.",
  phase: "connections",
  run: async (facts, context) => {
    const rules = accessRules({
      targetGroup: await facts.targetGroup(),
      missingKinds: await facts.missingKinds(),
      manifest: await facts.manifest(),
      rollbackManifest: (await readRollbackManifest(context)) ?? [],
    });
    const denied = await checkAccess(context.connections.kubernetes, rules, { signal: context.signal });
    if (denied.length === 0) return pass(`all ${rules.length} rights are there`);
    const named = denied.map(rightText);
    return fail(`${named.length} rights are missing, among them: ${named[0] ?? ""}`, named);
  },
};
