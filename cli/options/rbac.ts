import type { Command } from "commander";
import { z } from "zod";

/** The service account's usual place and name. */
export const USUAL_ACCOUNT = { namespace: "calico-migrator", serviceAccount: "calico-migrator" };

/** Names that Kubernetes takes for namespaces and service accounts. */
export const KubernetesName = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/);

/** Whom rights are for, on a command line. */
export const AccountFlags = z.object({
  namespace: KubernetesName.default(USUAL_ACCOUNT.namespace),
  serviceAccount: KubernetesName.default(USUAL_ACCOUNT.serviceAccount),
});

/** Adds the options that name a service account. */
export function withAccountOptions(command: Command): Command {
  return command
    .optionsGroup("Service account:")
    .option("--namespace <name>", "its namespace (default: calico-migrator)")
    .option("--service-account <name>", "its name (default: calico-migrator)");
}
