import { z } from "zod";
import { parseEtcdKey } from "../../calico/keys.ts";
import { meaningHash } from "../../calico/meaning.ts";
import { defineMigration, type StageContext, type Sweep } from "../../engine/migration.ts";
import { MigratorError } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { readJsonLines } from "../artifact-lines.ts";
import type { ClusterConnections } from "../connections.ts";
import { fieldManager } from "../context.ts";
import { restoreObject } from "../target/remove.ts";
import { call, readTarget } from "../target/calls.ts";
import { backupPrefix } from "./parts.ts";

/** Options of `restore`. */
export const RestoreOptions = z.strictObject({
  /** The run whose backup it is. */
  from: z.string().min(1),
  side: z.enum(["etcd", "kubernetes"]),
});
export type RestoreOptions = z.infer<typeof RestoreOptions>;

type Context = StageContext<ClusterConnections, RestoreOptions>;

const Cursor = z.object({ part: z.int() });
const Scope = z.object({ artifact: z.string() });
const Key = z.object({ key: z.string(), value: z.base64() });
const Kept = z.object({
  ref: z.object({ apiVersion: z.string(), plural: z.string() }),
  object: z.custom<JsonObject>(isJsonObject),
});

const PER_READ = 100;

/** Puts back, part by part, what differs from the backup; what is not in the backup is left alone. */
const restoreParts: Sweep<ClusterConnections, RestoreOptions> = {
  kind: "sweep",
  name: "restore",
  title: "put back what differs from the backup",
  changesCluster: true,
  pointOfNoReturn: true,
  plan: async (context, previous) => {
    const { part } = previous === undefined ? { part: 0 } : Cursor.parse(previous);
    const { from, side } = context.options;
    const parts = await context.artifacts.list(backupPrefix(from, side));
    if (part === 0 && parts.length === 0) throw noBackup(from, side);
    const artifact = parts[part];
    if (artifact === undefined) return { batches: [], done: true };
    return { batches: [{ scope: { artifact: artifact.name }, size: 1 }], cursor: { part: part + 1 } };
  },
  work: async (context, batch) => {
    const { artifact } = Scope.parse(batch.scope);
    const content = context.artifacts.read(artifact);
    const restored =
      context.options.side === "etcd" ? restoreKeys(context, content) : restoreObjects(context, content);
    return { done: true, counts: { restored: await restored } };
  },
};

/** Puts one side back as a backup has it. */
export const restore = defineMigration<ClusterConnections, RestoreOptions>({
  name: "restore",
  title: "put one side back as a backup has it",
  options: RestoreOptions,
  stages: [restoreParts],
});

function noBackup(runId: string, side: string): MigratorError {
  return new MigratorError("BACKUP_NOT_FOUND", `run "${runId}" has no backup of the side "${side}"`, {
    next: "Name a run that has made one: `calico-migrator describe RUN` lists its artifacts.",
  });
}

async function restoreKeys(context: Context, content: AsyncIterable<Uint8Array>): Promise<number> {
  let restored = 0;
  let group: z.infer<typeof Key>[] = [];
  for await (const line of readJsonLines(content, Key)) {
    group.push(line);
    if (group.length < PER_READ) continue;
    restored += await putKeys(context, group);
    group = [];
  }
  return restored + (await putKeys(context, group));
}

/** Status and markers that Calico renews by itself are not worth overwriting. */
async function putKeys(context: Context, lines: readonly z.infer<typeof Key>[]): Promise<number> {
  const kept = lines.filter(({ key }) => parseEtcdKey(key).type !== "housekeeping");
  const etcd = context.connections.etcd();
  const present = await etcd.getMany(kept.map(({ key }) => key));
  let restored = 0;
  for (const { key, value } of kept) {
    const wanted = Buffer.from(value, "base64");
    if (present.get(key)?.value.equals(wanted) === true) continue;
    context.ensureHeld();
    await etcd.compareAndPut({ key, expectedModRevision: "any", value: wanted });
    restored++;
  }
  return restored;
}

async function restoreObjects(context: Context, content: AsyncIterable<Uint8Array>): Promise<number> {
  let restored = 0;
  for await (const { ref, object } of readJsonLines(content, Kept)) {
    const namespace = textAt(object, "metadata", "namespace");
    const named = { ...ref, name: textAt(object, "metadata", "name") };
    if (await putObject(context, namespace === "" ? named : { ...named, namespace }, object)) restored++;
  }
  return restored;
}

async function putObject(context: Context, ref: ObjectRef, object: JsonObject): Promise<boolean> {
  const found = await readTarget(context, ref);
  if (ref.plural === "nodes") return found !== undefined && annotateNode(context, ref, object, found);
  if (
    found !== undefined &&
    (ref.plural === crdResource.plural || meaningHash(found) === meaningHash(object))
  )
    return false;
  await restoreObject(context, ref, object);
  return true;
}

async function annotateNode(
  context: Context,
  ref: ObjectRef,
  object: JsonObject,
  found: JsonObject,
): Promise<boolean> {
  if (meaningHash(found) === meaningHash(object)) return false;
  const kept = objectAt(object, "metadata", "annotations");
  const present = Object.keys(objectAt(found, "metadata", "annotations"));
  const added = present.filter((key) => key.startsWith("projectcalico.org/") && kept[key] === undefined);
  const annotations = { ...kept, ...Object.fromEntries(added.map((key) => [key, null])) };
  const options = { type: "merge", subresource: "status", fieldManager: fieldManager(context) } as const;
  await call(context, () =>
    context.connections.kubernetes.patch(ref, { metadata: { annotations } }, options),
  );
  return true;
}
