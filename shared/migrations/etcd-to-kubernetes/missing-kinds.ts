import { crdName } from "../../calico/kinds.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { readTarget } from "../target/calls.ts";
import { type Context, decisions } from "./context.ts";

/**
 * True for a kind that the target had no CRD for, and still has none: there is nothing of it, and nobody asked for the rights
 * to look.
 */
export async function isMissing(context: Context, kind: string): Promise<boolean> {
  const { calico, targetGroup } = await decisions(context);
  if (!calico.missingKinds.includes(kind)) return false;
  const name = crdName(kind, targetGroup);
  return name === undefined || (await readTarget(context, { ...crdResource, name })) === undefined;
}
