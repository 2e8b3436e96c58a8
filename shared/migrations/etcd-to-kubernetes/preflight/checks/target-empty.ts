import { kindInfo, KINDS, targetKind } from "../../../../calico/kinds.ts";
import type { JsonObject } from "../../../../json.ts";
import { isKubernetesError } from "../../../../kubernetes/errors.ts";
import { foreignOwners } from "../../../../kubernetes/managed-fields.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import type { ResourceRef } from "../../../../kubernetes/types.ts";
import type { Context } from "../../context.ts";
import { isBuiltIn } from "../../../../calico/built-in.ts";
import { isOurs } from "../../../target/ownership.ts";
import { type ConnectionCheck, fail, pass } from "../check.ts";
import { reads } from "../../../target/reads.ts";

const NAMED = 20;

/** Nobody uses the target yet, and no earlier attempt has left anything there. */
export const targetEmpty: ConnectionCheck = {
  id: "target-empty",
  title: "the target holds no Calico data but derived policies and built-in tiers",
  severity: "blocking",
  fix: "Undo the earlier run with `rollback`, or, where that was given up, delete all that has its field manager `calico-migrator:RUN`; delete what else is named, then `resume`. If Calico runs with this datastore already, there is nothing to migrate.",
  phase: "connections",
  run: async (facts, context) => {
    const group = await facts.targetGroup();
    const missing = await facts.missingKinds();
    const found: string[] = [];
    let count = 0;
    for (const { kind } of KINDS.filter((info) => info.group === "crd" && !missing.has(info.kind))) {
      for await (const object of objectsOf(context, targetKind(kindInfo(kind), group))) {
        if (!counts(context, kind, object)) continue;
        count++;
        if (found.length < NAMED) found.push(named(kind, object));
      }
    }
    if (count === 0) return pass("the target is empty");
    return fail(`the target already holds Calico data, among it ${found[0] ?? ""}`, found, count);
  },
};

/** All of a kind, as what is derived may fill the first pages; none where its CRD is not there. */
async function* objectsOf(context: Context, ref: ResourceRef): AsyncGenerator<JsonObject> {
  try {
    for await (const page of reads(context).pages(ref, { metadataOnly: true, signal: context.signal }))
      yield* page;
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_NOT_FOUND")) throw error;
  }
}

function counts(context: Context, kind: string, object: JsonObject): boolean {
  return !isBuiltIn(kind, textAt(object, "metadata", "name")) && !isOurs(context, object);
}

function named(kind: string, object: JsonObject): string {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  const run = foreignOwners(object).find(({ tool }) => tool === "run");
  const of = run === undefined ? "" : ` (left by ${run.evidence})`;
  return `${kind} ${namespace === "" ? name : `${namespace}/${name}`}${of}`;
}
