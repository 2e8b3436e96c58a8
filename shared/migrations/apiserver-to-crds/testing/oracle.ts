import { NATIVE_KINDS, type NativeKind } from "../../../calico/native/native-kinds.ts";
import { compareNative } from "../../../calico/native/same-native.ts";
import { type CarriedNative, toNative } from "../../../calico/native/to-native.ts";
import { targetId } from "../../../calico/target.ts";
import { convertUid } from "../../../calico/uid.ts";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../../../json.ts";
import { objectsAt, textAt } from "../../../kubernetes/fields.ts";
import { isLeaving } from "../../target/leaving.ts";
import type { FakeCluster } from "./fake-cluster.ts";

const OLD = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";

interface Stored {
  kind: NativeKind;
  id: string;
  object: JsonObject;
}

/**
 * How the native group differs from what the old group means, object by object: missing, too many, other content or status,
 * wrong owners. Reads the storage, whoever serves it.
 */
export async function mismatches({ storage }: FakeCluster): Promise<string[]> {
  const native = new Map((await stored(storage, NATIVE)).map((one) => [one.id, one.object]));
  const uids = new Map<string, string>();
  const living = (await stored(storage, OLD)).filter(({ object }) => !isLeaving(object));
  const expected = living.map(({ object }) => {
    const carried = carry(object);
    const id = targetId(carried.target);
    uids.set(carried.uid, textAt(native.get(id) ?? {}, "metadata", "uid"));
    return { id, carried };
  });
  const found = expected.flatMap(({ id, carried }) => differs(id, carried, native.get(id), uids));
  const wanted = new Set(expected.map(({ id }) => id));
  return [...found, ...[...native.keys()].filter((id) => !wanted.has(id)).map((id) => `${id} is too many`)];
}

/** Every object by path, with owners told by whether the reference names a present object: their UIDs differ from run to run. */
export async function canonical(cluster: FakeCluster): Promise<Record<string, string>> {
  const shown = await shownUids(cluster);
  const plain = Object.entries(cluster.dump()).map(([path, text]): [string, string] => {
    const anonymous = text.replace(/test-[0-9a-f]{8}/g, "run");
    return [path, anonymous.includes("ownerReferences") ? withoutUids(anonymous, shown) : anonymous];
  });
  return Object.fromEntries(plain);
}

async function stored(storage: FakeCluster["storage"], apiVersion: string): Promise<Stored[]> {
  const lists = NATIVE_KINDS.map(async (kind) => {
    const plural = apiVersion === OLD ? kind.v1Plural : kind.plural;
    const { items } = await storage.list({ apiVersion, plural });
    return items.map((object) => {
      const { name, namespace } = named(object);
      const place = kind.namespaced ? `${namespace}/` : "";
      return { kind, object, id: `${apiVersion}/${plural}/${place}${name}` };
    });
  });
  return (await Promise.all(lists)).flat();
}

function named(object: JsonObject): { name: string; namespace: string } {
  return { name: textAt(object, "metadata", "name"), namespace: textAt(object, "metadata", "namespace") };
}

function carry(object: JsonObject): CarriedNative {
  const native = toNative(object);
  if (native.outcome === "carry") return native;
  throw new Error(`${canonicalJson(named(object))}: ${native.reason}`);
}

function differs(
  id: string,
  carried: CarriedNative,
  found: JsonObject | undefined,
  uids: ReadonlyMap<string, string>,
): string[] {
  if (found === undefined) return [`${id} is missing`];
  const compared = compareNative(carried.object, found);
  const owners = carried.calicoOwners.flatMap(({ kind, name, uid }) =>
    uids.has(uid) ? [{ apiVersion: NATIVE, kind, name, uid: uids.get(uid) ?? "" }] : [],
  );
  const present = objectsAt(found, "metadata", "ownerReferences");
  return [
    ...(compared.same ? [] : [`${id} differs in ${compared.paths.join(", ")}`]),
    ...(canonicalJson(found["status"] ?? null) === canonicalJson(carried.status ?? null)
      ? []
      : [`${id} has another status`]),
    ...(canonicalJson(present) === canonicalJson(owners)
      ? []
      : [`${id} has the owners ${canonicalJson(present)}`]),
  ];
}

/** Every UID under which an API shows an object, by what references name. */
async function shownUids({ storage }: FakeCluster): Promise<Set<string>> {
  const shown = new Set<string>();
  for (const { object } of [...(await stored(storage, OLD)), ...(await stored(storage, NATIVE))]) {
    const uid = textAt(object, "metadata", "uid");
    const name = textAt(object, "metadata", "name");
    const isOld = object["apiVersion"] === OLD;
    if (isOld) shown.add(`${OLD}/${name}/${uid}`);
    shown.add(`${NATIVE}/${name}/${isOld ? (convertUid(uid) ?? uid) : uid}`);
  }
  return shown;
}

function withoutUids(text: string, shown: ReadonlySet<string>): string {
  const told = (reference: Json): Json => {
    if (!isJsonObject(reference) || !textAt(reference, "apiVersion").includes("projectcalico.org"))
      return reference;
    const shownAs = ["apiVersion", "name", "uid"].map((member) => textAt(reference, member)).join("/");
    return { ...reference, uid: shown.has(shownAs) };
  };
  const object = JSON.parse(text) as { metadata: JsonObject };
  const ownerReferences = objectsAt(object, "metadata", "ownerReferences").map(told);
  return canonicalJson({ ...object, metadata: { ...object.metadata, ownerReferences } });
}
