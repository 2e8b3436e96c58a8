import { v1Id } from "../../calico/native/native-ids.ts";
import { NATIVE_KINDS, type NativeKind } from "../../calico/native/native-kinds.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";

/** The name of an object of the old group for people, by which it can be left out: `NetworkPolicy/shop/default.web`. */
export function objectName({ kind }: Pick<NativeKind, "kind">, object: JsonObject): string {
  const namespace = textAt(object, "metadata", "namespace");
  return [kind, ...(namespace === "" ? [] : [namespace]), textAt(object, "metadata", "name")].join("/");
}

/** The key of the checkpoint of the object that is named so, by either group's name of its kind; undefined for what names none. */
export function keyOfName(name: string): string | undefined {
  const [kindName, ...place] = name.split("/");
  const found = NATIVE_KINDS.find(({ kind, v1Kind }) => kind === kindName || v1Kind === kindName);
  if (found === undefined || place.length !== (found.namespaced ? 2 : 1)) return undefined;
  const [first = "", second = ""] = place;
  if (place.includes("")) return undefined;
  return found.namespaced ? v1Id(found.v1Kind, first, second) : v1Id(found.v1Kind, undefined, first);
}
