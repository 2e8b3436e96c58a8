import { forward } from "../../../shared/calico/forward.ts";
import type { Carried, ForwardContext } from "../../../shared/calico/forwarded.ts";
import type { Rank } from "../../../shared/calico/kinds.ts";
import { type NamedNode, NodeNames } from "../../../shared/calico/node-names.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { resourcePath } from "../../../shared/kubernetes/paths.ts";
import type { SeedEntry } from "../../harness/seed/entries.ts";

/** One request that writes an object. */
export interface Write {
  method: "POST" | "PATCH";
  path: string;
  contentType: string;
  body: JsonObject;
}

/** Kinds of rank 0 belong to the lock; the others are copied rank by rank. */
const COPIED: readonly Rank[] = [1, 2, 3];
const NODES = "/calico/resources/v3/projectcalico.org/nodes/";

/** What a migration copies of these entries: for each rank, one after the other, the writes in the order of the keys. */
export function writesOf(entries: Iterable<SeedEntry>): Write[][] {
  const sorted = carriedOf([...entries]);
  return COPIED.map((rank) => sorted.filter((one) => one.rank === rank).map(writeOf));
}

/** What becomes of the entries that a migration carries, in the order of the keys. */
export function carriedOf(entries: readonly SeedEntry[]): (Carried & { key: string })[] {
  const context: ForwardContext = {
    targetGroup: "crd.projectcalico.org/v1",
    nodeNames: NodeNames.from(entries.filter(({ key }) => key.startsWith(NODES)).map(namedNode)),
  };
  return entries
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, value }) => ({ ...forward(key, value, context), key }))
    .filter((forwarded) => forwarded.outcome === "carry");
}

function namedNode({ value }: SeedEntry): NamedNode {
  const { metadata, spec } = JSON.parse(value) as {
    metadata: { name: string };
    spec?: Omit<NamedNode, "name">;
  };
  return { name: metadata.name, orchRefs: spec?.orchRefs };
}

function writeOf({ kind, target, object }: Carried): Write {
  if (kind === "Node") {
    const { annotations } = object.metadata;
    const path = resourcePath(target, "status");
    return {
      method: "PATCH",
      path,
      contentType: "application/merge-patch+json",
      body: { metadata: { annotations } },
    };
  }
  const { name: _name, ...collection } = target;
  return {
    method: "POST",
    path: resourcePath(collection),
    contentType: "application/json",
    body: object,
  };
}
