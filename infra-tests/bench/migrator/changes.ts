import { isJsonObject, type JsonObject } from "../../../shared/json.ts";
import { withEtcdClient } from "../../harness/etcd-kv.ts";
import type { EtcdHandle } from "../../harness/etcd.ts";
import type { CalicoSeed } from "../../harness/seed.ts";
import { inParallel } from "../../harness/parallel.ts";
import type { SeedEntry } from "../../harness/seed/entries.ts";
import { carriedOf } from "../ceiling/writes.ts";

/** One change of etcd; without a value the key is deleted. */
export interface Change {
  type: "update" | "creation" | "deletion";
  key: string;
  value?: string;
}

/** A cycle of ten changes: 4 updates, 3 creations, 3 deletions. */
const CYCLE: readonly Change["type"][] = [
  ...(["update", "creation", "deletion", "update", "creation"] as const),
  ...(["deletion", "update", "creation", "deletion", "update"] as const),
];
const WRITERS = 8;
/** Of these kinds there are many, and nothing depends on a single one. */
const KINDS: ReadonlySet<string> = new Set([
  "GlobalNetworkPolicy",
  "NetworkPolicy",
  "NetworkSet",
  "GlobalNetworkSet",
  "HostEndpoint",
  "StagedNetworkPolicy",
]);

/** Changes to be made to a seeded etcd: each of another resource, of several kinds, the same for the same seed. */
export function changesTo(seed: CalicoSeed, count: number): Change[] {
  const chosen = spreadOver(changeable([...seed.entries()]), count);
  return chosen.map((entry, index) => {
    const type = CYCLE[index % CYCLE.length] ?? "update";
    if (type === "deletion") return { type, key: entry.key };
    return type === "update" ? update(entry) : creation(entry, index);
  });
}

/** Makes changes, a few at a time, as the parts of a running Calico do. Each is of another key, so their order is free. */
export async function makeChanges(etcd: EtcdHandle, changes: readonly Change[]): Promise<void> {
  await withEtcdClient(etcd, (client) =>
    inParallel(changes, WRITERS, async ({ key, value }) => {
      if (value === undefined) await client.delete().key(key).exec();
      else await client.put(key).value(value).exec();
    }),
  );
}

function changeable(entries: readonly SeedEntry[]): SeedEntry[] {
  const keys = new Set(
    carriedOf(entries)
      .filter(({ kind }) => KINDS.has(kind))
      .map(({ key }) => key),
  );
  return entries.filter(({ key }) => keys.has(key));
}

function spreadOver<T>(items: readonly T[], count: number): T[] {
  if (items.length < count) throw new Error(`${items.length} resources are too few for ${count} changes`);
  return items.filter(
    (_, index) =>
      Math.floor((index * count) / items.length) !== Math.floor(((index - 1) * count) / items.length),
  );
}

function update({ key, value }: SeedEntry): Change {
  const { metadata, ...rest } = parse(value);
  const labels = { ...metadata.labels, "bench.example.com/changed": "true" };
  return { type: "update", key, value: JSON.stringify({ ...rest, metadata: { ...metadata, labels } }) };
}

/** The same resource once more, under another name. */
function creation({ key, value }: SeedEntry, index: number): Change {
  const { metadata, ...rest } = parse(value);
  const suffix = `-new-${index}`;
  const uid = metadata.uid.replace(/^.{8}/, index.toString(16).padStart(8, "0"));
  const renamed = { ...metadata, name: `${metadata.name}${suffix}`, uid, annotations: {} };
  return { type: "creation", key: `${key}${suffix}`, value: JSON.stringify({ ...rest, metadata: renamed }) };
}

interface Stored extends JsonObject {
  metadata: { name: string; uid: string; labels?: JsonObject };
}

function parse(value: string): Stored {
  const stored: unknown = JSON.parse(value);
  if (!isJsonObject(stored)) throw new Error("a seeded value is no object");
  return stored as Stored;
}
