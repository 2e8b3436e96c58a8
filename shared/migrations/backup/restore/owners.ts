import { isCalicoOwner, readMetadata } from "../../../calico/metadata.ts";
import { kindInfo, targetKind, type TargetGroup } from "../../../calico/kinds.ts";
import { convertUid } from "../../../calico/uid.ts";
import { isJsonObject, type Json, type JsonObject } from "../../../json.ts";
import { parseExactJson } from "../../../exact-json.ts";
import { Discovery } from "../../../kubernetes/discovery.ts";
import { objectAt, objectsAt, textAt } from "../../../kubernetes/fields.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import { readTarget } from "../../target/calls.ts";
import type { ObjectLine } from "./lines.ts";
import type { Context } from "./options.ts";
import { reads } from "../../target/reads.ts";

/**
 * Says which UIDs owners have now: objects that were created again have others than the backup names. An owner that is not
 * there at all is left off, as the garbage collector deletes what belongs to nobody.
 */
export class Owners {
  readonly #context: Context;
  readonly #discovery: Discovery;
  readonly #known = new Map<string, Promise<string | undefined>>();

  constructor(context: Context) {
    this.#context = context;
    this.#discovery = new Discovery(reads(context));
  }

  /** The line of an object with its owners as they are now; undefined for one that has none. */
  async present(line: ObjectLine): Promise<ObjectLine | undefined> {
    const { object } = line;
    const own = objectsAt(object, "metadata", "ownerReferences");
    const all: Json[] = [...own, ...readMetadata(object).ownerReferences];
    if (all.length === 0) return undefined;
    const uids = new Map<string, string>();
    const gone = new Set<string>();
    for (const reference of all.filter(isJsonObject)) {
      const uid = textAt(reference, "uid");
      const now = await this.#uidOf(line, reference);
      if (now === undefined) gone.add(uid);
      else uids.set(uid, now);
    }
    return { ...line, object: withOwners(object, uids, gone) };
  }

  /** The UID that a reference has to name now, in the form in which it names one. */
  async #uidOf(line: ObjectLine, reference: JsonObject): Promise<string | undefined> {
    const uid = textAt(reference, "uid");
    const ref = await this.#refOf(line, reference);
    if (ref === undefined) return undefined;
    const key = JSON.stringify(ref);
    const asked = this.#known.get(key) ?? this.#read(ref);
    this.#known.set(key, asked);
    const now = await asked;
    if (now === undefined || now === uid) return now;
    // Calico's API server shows objects of the old group under UIDs of its own.
    const shown = convertUid(now) ?? now;
    const isShown = isOld(line) && textAt(reference, "apiVersion").startsWith("projectcalico.org/");
    return isShown || shown === uid ? shown : now;
  }

  async #read(ref: ObjectRef): Promise<string | undefined> {
    const found = await readTarget(this.#context, ref);
    return found === undefined ? undefined : textAt(found, "metadata", "uid");
  }

  async #refOf({ ref, object }: ObjectLine, reference: JsonObject): Promise<ObjectRef | undefined> {
    const [kind, name] = [textAt(reference, "kind"), textAt(reference, "name")];
    const namespace = textAt(object, "metadata", "namespace");
    if (isCalicoOwner(reference)) {
      const info = kindInfo(kind);
      const { plural } = targetKind(info, ref.apiVersion as TargetGroup);
      const place = { apiVersion: ref.apiVersion, plural, name };
      return info.namespaced ? { ...place, namespace } : place;
    }
    const { signal } = this.#context;
    const type = await this.#discovery.find(textAt(reference, "apiVersion"), kind, { signal });
    if (type === undefined) return undefined;
    const place = { apiVersion: type.apiVersion, plural: type.plural, name };
    return type.namespaced ? { ...place, namespace } : place;
  }
}

function isOld({ ref }: ObjectLine): boolean {
  return ref.apiVersion.startsWith("crd.");
}

/** UIDs are told apart from everything else, so that they can be replaced wherever the metadata keeps them. */
function withOwners(
  object: JsonObject,
  uids: ReadonlyMap<string, string>,
  gone: ReadonlySet<string>,
): JsonObject {
  const { ownerReferences, ...rest } = objectAt(object, "metadata");
  let text = JSON.stringify(rest);
  for (const [uid, now] of uids) if (uid !== "") text = text.replaceAll(uid, now);
  const kept = objectsAt(object, "metadata", "ownerReferences").flatMap((reference) => {
    const uid = textAt(reference, "uid");
    return gone.has(uid) ? [] : [{ ...reference, uid: uids.get(uid) ?? uid }];
  });
  const metadata = parseExactJson(text) as JsonObject;
  return { ...object, metadata: kept.length === 0 ? metadata : { ...metadata, ownerReferences: kept } };
}
