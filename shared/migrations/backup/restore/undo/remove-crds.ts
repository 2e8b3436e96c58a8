import { z } from "zod";
import type { Action } from "../../../../engine/migration.ts";
import { crdResource, crdState } from "../../../../kubernetes/crds.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { deleteTarget, orAbsent, readTarget, call } from "../../../target/calls.ts";
import { isOurs } from "../../../target/ownership.ts";
import type { Context, RestoreOptions } from "../options.ts";

const Created = z.object({ created: z.record(z.string(), z.boolean()) });

/** Deletes the definitions that this run created, but for those in which somebody keeps objects by now: those are named. */
export const removeCrds: Action<ClusterConnections, RestoreOptions> = {
  kind: "action",
  name: "remove-crds",
  title: "delete the CRDs that the restore created, if nothing is kept in them",
  act: async (context) => {
    const created = Created.safeParse(await context.notesOf("restore-crds")).data?.created ?? {};
    const kept: string[] = [];
    for (const name of Object.keys(created)) if (!(await remove(context, name))) kept.push(name);
    await context.record({ kept });
    return { done: true };
  },
};

async function remove(context: Context, name: string): Promise<boolean> {
  const ref = { ...crdResource, name };
  const found = await readTarget(context, ref);
  if (found === undefined || !isOurs(context, found)) return true;
  const [plural = "", ...group] = name.split(".");
  const apiVersion = `${group.join(".")}/${crdState(found).storage ?? "v1"}`;
  const page = await orAbsent(
    call(context, () =>
      context.connections.kubernetes.list({ apiVersion, plural }, { limit: 1, metadataOnly: true }),
    ),
  );
  if (page !== undefined && page.items.length > 0) return false;
  await deleteTarget(context, ref, textAt(found, "metadata", "uid"));
  return true;
}
