import { forward } from "../../../calico/forward.ts";
import { crdName, crdNames } from "../../../calico/kinds.ts";
import type { Action } from "../../../engine/migration.ts";
import { MigratorError } from "../../../errors.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import { crdStates, waitEstablished } from "../../../kubernetes/crds.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { applyManifest } from "../apply-manifest.ts";
import { fieldManager } from "../../context.ts";
import { type Context, conversion, decisions } from "../context.ts";
import { readManifest } from "../manifest.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { readClusterInformation } from "../source-lock.ts";
import { callOverConflicts, WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import { clusterInformationRef, setTargetReady } from "../target-lock.ts";
import { removeTargetFoundations } from "../undo/remove-foundations.ts";
import { reads } from "../../target/reads.ts";

/** Makes the target ready to be written to, and locked from its first object on, so that nothing acts on a half copy. */
export const prepareTarget: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "prepare-target",
  title: "create missing CRDs, and the target's ClusterInformation, locked",
  changesCluster: true,
  undo: [removeTargetFoundations],
  act: async (context) => {
    await createMissingCrds(context);
    await createClusterInformation(context);
    return { done: true };
  },
};

async function createMissingCrds(context: Context): Promise<void> {
  const { targetGroup, calico } = await decisions(context);
  const lacking = calico.missingKinds.map((kind) => crdName(kind, targetGroup));
  const names = crdNames(targetGroup).filter((name) => !lacking.includes(name));
  const states = await crdStates(reads(context), names, { signal: context.signal });
  const missing = states.filter(({ present }) => !present).map(({ name }) => name);
  if (missing.length > 0) {
    const wanted = new Set(missing);
    const crds = (await readManifest(context)).filter((object) =>
      wanted.has(textAt(object, "metadata", "name")),
    );
    const created = new Set([...createdCrds(context), ...missing]);
    await context.record({ createdCrds: [...created].sort() });
    await applyManifest(context, crds, false);
  }
  await waitEstablished(reads(context), names, { signal: context.signal });
}

function createdCrds(context: Context): string[] {
  const recorded = context.notes["createdCrds"];
  return Array.isArray(recorded) ? recorded.map(String) : [];
}

async function createClusterInformation(context: Context): Promise<void> {
  const { targetGroup } = await decisions(context);
  const source = await readClusterInformation(context);
  const forwarded = forward(source.key, source.value, await conversion(context));
  if (forwarded.outcome !== "carry") throw notCarriable(forwarded.reason);
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  await context.record({ createsClusterInformation: true });
  try {
    await callOverConflicts(context, () =>
      context.connections.kubernetes.create(clusterInformationRef(targetGroup), forwarded.object, options),
    );
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_ALREADY_EXISTS")) throw error;
  }
  await setTargetReady(context, targetGroup, false);
}

function notCarriable(reason: string): MigratorError {
  return new MigratorError("SOURCE_NOT_CALICO", `ClusterInformation "default" cannot be carried: ${reason}`, {
    next: "Mend it in etcd, then `resume`.",
  });
}
