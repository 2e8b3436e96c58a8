import type { Migration } from "../engine/migration.ts";
import { runFieldManager } from "../kubernetes/managed-fields.ts";
import type { ClusterConnections } from "./connections.ts";

type Traces = NonNullable<Migration<ClusterConnections>["traces"]>;

/** What somebody finds of the resources that a run was to write. */
export const resourceTraces: Traces = async (runId, count) => {
  const states = Object.entries(await count("resources"));
  const total = states.reduce((sum, [, number]) => sum + number, 0);
  if (total === 0) return [];
  const counts = states.map(([state, number]) => `${number} ${state}`).join(", ");
  const manager = runFieldManager(runId);
  const title = `${total} (${counts}): the target has those that are not pending or reverted, with the field manager ${manager} as far as that was not taken off again`;
  return [{ stage: "resources", title }];
};
