import { z } from "zod";
import type { Action, StageOutcome } from "../../../engine/migration.ts";
import { crdResource, crdStates } from "../../../kubernetes/crds.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Context, decisions } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { deleteIfOurs } from "../../target/ownership.ts";
import { deleteTarget, readTarget } from "../../target/calls.ts";
import { clusterInformationRef } from "../target-lock.ts";

const POLL_MS = 1000;
const Prepared = z.object({
  createdCrds: z.array(z.string()).default([]),
  createsClusterInformation: z.boolean().default(false),
});

/** Deletes the target's ClusterInformation and the CRDs, where this run created them. */
export const removeTargetFoundations: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "remove-foundations",
  title: "delete the ClusterInformation and the CRDs that this run created",
  act: async (context) => {
    const prepared = Prepared.parse(await context.notesOf("prepare-target"));
    if (prepared.createsClusterInformation) {
      await deleteIfOurs(context, clusterInformationRef((await decisions(context)).targetGroup));
    }
    return removeCrds(context, prepared.createdCrds);
  },
};

async function removeCrds(context: Context, names: readonly string[]): Promise<StageOutcome> {
  for (const name of names) {
    const ref = { ...crdResource, name };
    const found = await readTarget(context, ref);
    if (found !== undefined) await deleteTarget(context, ref, textAt(found, "metadata", "uid"));
  }
  const states = await crdStates(context.connections.kubernetes, names, { signal: context.signal });
  const left = states.filter(({ present }) => present).map(({ name }) => name);
  if (left.length === 0) return { done: true };
  const message = `CRDs are still being deleted: ${left.join(", ")}`;
  return { wait: { reason: "Gate", message, retryAfterMs: POLL_MS } };
}
