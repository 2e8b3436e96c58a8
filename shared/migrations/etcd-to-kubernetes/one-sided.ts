import { forward } from "../../calico/forward.ts";
import type { ForwardContext } from "../../calico/forwarded.ts";
import { isBuiltIn } from "../../calico/built-in.ts";
import { CALICO_PREFIX } from "../../calico/keys.ts";
import { KINDS, targetKind } from "../../calico/kinds.ts";
import { targetId } from "../../calico/target.ts";
import type { Ledger } from "../../engine/ledger.ts";
import type { RunRecord } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { presentPages } from "../../etcd/present-pages.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ResourceRef } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { isLeftOut } from "../copying/ledger-detail.ts";
import { readsOf } from "../target/reads.ts";
import { isOurs } from "../target/ownership.ts";
import { concerns, rankOf } from "./source-changes.ts";
import { strangerReason } from "./written-by-others.ts";
import { objectTargetId } from "./target-refs.ts";

/** One resource that is not the same on both sides. */
export interface SideDifference {
  kind: string;
  namespace?: string;
  /** The object's coordinates in the target. */
  target: string;
  reason: string;
}

const PAGE = 500;
const LISTED = KINDS.filter(({ carried, rank, group }) => carried === true && rank > 0 && group === "crd");

/** What etcd has and nothing was copied of, but for what is known to be left behind. */
export async function* onlyInSource(
  { etcd }: Pick<ClusterConnections, "etcd">,
  conversion: ForwardContext,
  ledgers: { resources: Ledger; uncarried: Ledger },
): AsyncGenerator<SideDifference, void> {
  for await (const page of presentPages(etcd(), { prefix: CALICO_PREFIX, pageSize: PAGE })) {
    const ids = page.filter(concerns).map(({ key }) => ({ rank: rankOf(key) ?? 0, key }));
    const rows = await ledgers.resources.get(ids);
    const left = await ledgers.uncarried.get(ids);
    const known = new Set([
      ...rows.filter((row) => row.state !== "reverted" || isLeftOut(row)).map(({ key }) => key),
      ...left.filter(({ state }) => state === "pending").map(({ key }) => key),
    ]);
    for (const { key, value } of page) {
      if (!concerns({ key }) || known.has(key)) continue;
      const found = forward(key, value, conversion);
      if (found.outcome !== "carry") continue;
      const { kind, target } = found;
      const place = target.namespace === undefined ? {} : { namespace: target.namespace };
      yield { kind, ...place, target: targetId(target), reason: "it is not copied" };
    }
  }
}

/** What the target has and no resource of etcd has become, but for what Calico makes itself. */
export async function* onlyInTarget(
  connections: ClusterConnections,
  { targetGroup }: Pick<ForwardContext, "targetGroup">,
  { run, resources }: { run: RunRecord; resources: Ledger },
): AsyncGenerator<SideDifference, void> {
  for (const info of LISTED) {
    const ref = targetKind(info, targetGroup);
    for await (const page of objectsOf(connections, ref)) {
      const byId = new Map(page.map((object) => [objectTargetId(ref, object), object]));
      const rows = await resources.findByTarget([...byId.keys()]);
      const known = new Set(
        rows.filter((row) => row.state !== "reverted" || isLeftOut(row)).map(({ target }) => target),
      );
      for (const [target, object] of byId) {
        if (known.has(target) || isBuiltIn(info.kind, textAt(object, "metadata", "name"))) continue;
        const namespace = textAt(object, "metadata", "namespace");
        const place = namespace === "" ? {} : { namespace };
        yield { kind: info.kind, ...place, target, reason: strangerReason(isOurs({ run }, object)) };
      }
    }
  }
}

/** None of a kind that the target has no CRD for. */
async function* objectsOf(connections: ClusterConnections, ref: ResourceRef): AsyncGenerator<JsonObject[]> {
  try {
    yield* readsOf(connections).pages(ref, { metadataOnly: true, pageSize: PAGE });
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_NOT_FOUND")) throw error;
  }
}
