import { z } from "zod";
import type { Action } from "../../engine/migration.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { deleteTarget, readTarget } from "../target/calls.ts";
import type { Context } from "./context.ts";
import type { ApiserverToCrdsOptions } from "./options.ts";

/** What the operator calls its webhooks for native objects. (tigera/operator, pkg/render/webhooks) */
export const OPERATOR_WEBHOOK: ObjectRef = {
  apiVersion: "admissionregistration.k8s.io/v1",
  plural: "validatingwebhookconfigurations",
  name: "api.projectcalico.org",
};

const Notes = z.object({ webhookBefore: z.boolean().optional() });

/** Keeps, in the notes of the stage that tells the operator to switch, whether its webhooks were there before. */
export async function noteWebhook(context: Context): Promise<void> {
  if (Notes.parse(context.notes).webhookBefore !== undefined) return;
  await context.record({ webhookBefore: (await readTarget(context, OPERATOR_WEBHOOK)) !== undefined });
}

/**
 * Takes away the webhooks that the operator has brought, as it does not do that itself when it is told the old group again:
 * they would let nobody lock the native group, now or in another run.
 */
export const removeOperatorWebhook: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "remove-operator-webhook",
  title: "remove the webhooks that the operator brought with native objects",
  act: async (context) => {
    await removeWebhook(context);
    return { done: true };
  },
};

/** The same, for where an operator has run once more. */
export async function removeWebhook(context: Context): Promise<void> {
  for (const ref of await operatorWebhookToRemove(context)) {
    const found = await readTarget(context, ref);
    if (found !== undefined) await deleteTarget(context, ref, textAt(found, "metadata", "uid"));
  }
}

/** The configuration of webhooks that the way back removes, where the operator has brought one. */
export async function operatorWebhookToRemove(context: Context): Promise<ObjectRef[]> {
  const { webhookBefore } = Notes.parse(await context.notesOf("switch-operator"));
  return webhookBefore === false ? [OPERATOR_WEBHOOK] : [];
}
