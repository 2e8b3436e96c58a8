import type { StageContext } from "../engine/migration.ts";
import { runFieldManager } from "../kubernetes/managed-fields.ts";
import type { ClusterConnections } from "./connections.ts";

/** What reading and writing the clusters needs of a context, whatever the migration. */
export type AnyContext = Pick<
  StageContext<ClusterConnections, unknown>,
  "run" | "connections" | "signal" | "ensureHeld"
>;

/** The name under which this run writes, so that managedFields tell what is its own. */
export function fieldManager(context: Pick<AnyContext, "run">): string {
  return runFieldManager(context.run.runId);
}

/** The name of an artifact of this run. */
export function artifactName({ run }: { run: { readonly runId: string } }, name: string): string {
  return `runs/${run.runId}/${name}`;
}
