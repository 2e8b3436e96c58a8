import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { selectorFault, type SelectorReading } from "./selector.ts";

/** The members that hold selectors as text, in whatever resource; other APIs' selectors of these names are objects. */
const MEMBERS: ReadonlySet<string> = new Set([
  "selector",
  "notSelector",
  "namespaceSelector",
  "serviceAccountSelector",
  "nodeSelector",
  "peerSelector",
  "localWorkloadSelector",
]);

/** The selectors of a resource that Calico's parser refuses, as clauses that name the member, never its content. */
export function selectorFaults(spec: JsonObject, reading: SelectorReading): string[] {
  return faultsIn(spec, "spec", reading);
}

function faultsIn(value: Json | undefined, path: string, reading: SelectorReading): string[] {
  if (Array.isArray(value))
    return value.flatMap((item, index) => faultsIn(item, `${path}[${index}]`, reading));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const at = `${path}.${name}`;
    if (typeof member !== "string") return faultsIn(member, at, reading);
    const fault = MEMBERS.has(name) ? selectorFault(member, reading) : undefined;
    return fault === undefined ? [] : [`${at} is no selector that Calico can read: wrong ${fault}`];
  });
}
