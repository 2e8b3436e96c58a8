import { PROTECTED_TIERS } from "../../../calico/built-in.ts";
import { forward } from "../../../calico/forward.ts";
import type { Carried } from "../../../calico/forwarded.ts";
import { kindInfo, KINDS, targetKind } from "../../../calico/kinds.ts";
import { meaningHash } from "../../../calico/meaning.ts";
import type { NodeNames } from "../../../calico/node-names.ts";
import { targetId } from "../../../calico/target.ts";
import type { JsonObject } from "../../../json.ts";
import { isLeaving } from "../../target/leaving.ts";
import { objectTargetId } from "../target-refs.ts";
import type { World } from "./world.ts";

/**
 * How the target differs from what etcd means, object by object: missing, too many, other content. Knows nothing of what a
 * run has recorded but the names of nodes. What has no namespace or no Node in Kubernetes is not expected there.
 */
export async function mismatches(world: World, nodeNames: NodeNames): Promise<string[]> {
  const { group } = world;
  const all = Object.entries(world.kubernetes.dump());
  const places = new Set(all.filter(([, text]) => !text.includes("deletionTimestamp")).map(([path]) => path));
  const expected = new Map<string, Carried>();
  for (const [key, value] of Object.entries(world.etcd.dump())) {
    const forwarded = forward(key, value, { targetGroup: group, nodeNames });
    if (forwarded.outcome !== "carry" || forwarded.kind === "ClusterInformation") continue;
    if (hasPlace(forwarded, places)) expected.set(targetId(forwarded.target), forwarded);
  }
  const present = await presentObjects(world);
  const wrong = [...expected].flatMap(([id, { object }]) => {
    const found = present.get(id);
    if (found === undefined) return [`${id} is missing`];
    return meaningHash(object) === meaningHash(found)
      ? []
      : [`${id} differs: ${JSON.stringify(found["spec"])}`];
  });
  const extra = [...present].filter(([id, object]) => !expected.has(id) && object["kind"] !== "Node");
  return [...wrong, ...extra.map(([id]) => `${id} is too many`)];
}

function hasPlace({ kind, target }: Carried, places: ReadonlySet<string>): boolean {
  if (kind === "Node") return places.has(`v1/nodes/${target.name}`);
  return target.namespace === undefined || places.has(`v1/namespaces/${target.namespace}`);
}

async function presentObjects(world: World): Promise<Map<string, JsonObject>> {
  const found = new Map<string, JsonObject>();
  for (const { kind } of KINDS.filter(({ carried, rank }) => carried === true && rank > 0)) {
    const ref = targetKind(kindInfo(kind), world.group);
    for (const object of (await world.kubernetes.list(ref)).items)
      if (!isLeaving(object)) found.set(objectTargetId(ref, object), object);
  }
  for (const tier of PROTECTED_TIERS) found.delete(`${world.group}/tiers/${tier}`);
  return found;
}
