import { shownAlways } from "../../../../engine/approvals.ts";
import type { Action, ApprovalRule } from "../../../../engine/migration.ts";
import { crdResource, waitEstablished } from "../../../../kubernetes/crds.ts";
import { isKubernetesError } from "../../../../kubernetes/errors.ts";
import type { JsonObject } from "../../../../json.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { fieldManager } from "../../../context.ts";
import { callOverConflicts, readTarget, WRITE_TIMEOUT_MS } from "../../../target/calls.ts";
import { restored } from "../../../target/remove.ts";
import { linesOf } from "../content.ts";
import { decided } from "../decided.ts";
import { ObjectLine } from "../lines.ts";
import type { Context, RestoreOptions } from "../options.ts";
import { removeCrds } from "../undo/remove-crds.ts";
import { reads } from "../../../target/reads.ts";

const CONSENTS = [
  ...["incomplete-backup", "foreign-lock", "uncarried", "addresses"],
  ...["only-here", "hidden-natives", "unread-dependants"],
];

const asked: ApprovalRule<ClusterConnections, RestoreOptions> = {
  subject: "restore",
  needed: async (context) => {
    const { create, overwrite } = await decided(context);
    const { side, from } = context.options;
    const message = `${side} is put back as the backup of ${from} has it: ${create} created, ${overwrite} overwritten; the datastore is locked meanwhile`;
    return shownAlways("restore", message);
  },
};

/**
 * Creates the definitions that are gone, and waits until objects can be written. One that is there is left as it is: it may be
 * of a newer version. All that a person has to decide is asked here, before anything is changed.
 */
export const restoreCrds: Action<ClusterConnections, RestoreOptions> = {
  kind: "action",
  name: "restore-crds",
  title: "create the CRDs of the backup that are missing, and wait until they are established",
  changesCluster: true,
  approvals: [asked, ...CONSENTS.map(consentTo)],
  asks: [{ subject: "restore", kind: "always" }],
  undo: [removeCrds],
  act: async (context) => {
    const { pieces } = await decided(context);
    const names = Object.keys(pieces.definitions);
    if (context.options.side === "etcd" || names.length === 0) return { done: true };
    const missing = await missingOf(context, names);
    const known = Object.keys(context.notes["created"] ?? {});
    await context.record({ created: Object.fromEntries([...known, ...missing].map((name) => [name, true])) });
    for (const part of new Set(missing.map((name) => pieces.definitions[name] ?? "")))
      for await (const { line } of linesOf(context, part)) {
        const { data } = ObjectLine.safeParse(line);
        if (data !== undefined && missing.includes(textAt(data.object, "metadata", "name")))
          await create(context, data.object);
      }
    await waitEstablished(reads(context), names, { signal: context.signal });
    return { done: true };
  },
};

function consentTo(subject: string): ApprovalRule<ClusterConnections, RestoreOptions> {
  return { subject, needed: async (context) => (await decided(context)).consents[subject] };
}

async function missingOf(context: Context, names: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const name of names)
    if ((await readTarget(context, { ...crdResource, name })) === undefined) missing.push(name);
  return missing;
}

async function create(context: Context, definition: JsonObject): Promise<void> {
  const { status, ...object } = definition;
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  try {
    await callOverConflicts(context, () =>
      context.connections.kubernetes.create(crdResource, restored(object), options),
    );
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_ALREADY_EXISTS")) throw error;
  }
}
