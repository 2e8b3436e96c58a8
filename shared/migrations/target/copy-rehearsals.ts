import { PROTECTED_TIERS } from "../../calico/built-in.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef, ResourceRef } from "../../kubernetes/types.ts";
import type { AnyContext } from "../context.ts";
import { listPage, orAbsent, WRITE_TIMEOUT_MS } from "./calls.ts";
import { hasTracesOfRuns, releaseRehearsal } from "./release-fields.ts";
import type { Rehearsal } from "./rehearse.ts";

/** In how many objects of a resource one that this run has copied is looked for. */
const LOOKED_AT = 50;

/** What the stages after the lock do to copies. */
interface CopyWrites {
  resources: readonly ResourceRef[];
  /** API versions that go, see `FieldsRelease`. */
  renamed?: Readonly<Record<string, string>>;
  by?: "patch" | "replace";
}

/**
 * What the stages after the lock do to objects that were copied before it: they are deleted where their source goes, and given to
 * whoever managed them. Tried on one of each resource: what a policy, a webhook or a role says of it, it says of the others.
 */
export async function copyRehearsals(
  context: AnyContext,
  { resources, renamed = {}, by = "patch" }: CopyWrites,
): Promise<Rehearsal[]> {
  const rehearsals: Rehearsal[] = [];
  for (const resource of resources) {
    const ref = await firstCopy(context, resource, renamed);
    if (ref === undefined) continue;
    if (!isProtected(ref))
      rehearsals.push({
        what: `delete ${resource.plural} ${ref.name}`,
        try: (api) => api.delete(ref, { dryRun: true, timeoutMs: WRITE_TIMEOUT_MS }),
      });
    rehearsals.push(...(await releaseRehearsal(context, ref, { releaseOf: () => ({ renamed }), by })));
  }
  return rehearsals;
}

/** A definition that is gone has no objects. */
async function firstCopy(
  context: AnyContext,
  resource: ResourceRef,
  renamed: Readonly<Record<string, string>>,
): Promise<ObjectRef | undefined> {
  const options = { limit: LOOKED_AT, metadataOnly: true };
  const page = await orAbsent(listPage(context, resource, options, "onward"));
  const copies = page?.items.filter((object) => hasTracesOfRuns(object, { renamed })) ?? [];
  const refs = copies.map((copy) => {
    const namespace = textAt(copy, "metadata", "namespace");
    return {
      ...resource,
      ...(namespace === "" ? {} : { namespace }),
      name: textAt(copy, "metadata", "name"),
    };
  });
  return refs.find((ref) => !isProtected(ref)) ?? refs[0];
}

/** Nobody may delete these, and no run does. */
function isProtected({ plural, name }: ObjectRef): boolean {
  return plural === "tiers" && PROTECTED_TIERS.has(name);
}
