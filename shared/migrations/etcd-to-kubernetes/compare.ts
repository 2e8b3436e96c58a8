import { backward } from "../../calico/backward.ts";
import { differences } from "../../calico/differences.ts";
import { meaningHash } from "../../calico/meaning.ts";
import { forward } from "../../calico/forward.ts";
import { NEWEST_CALICO } from "../../calico/versions/target-calico.ts";
import type { ForwardContext } from "../../calico/forwarded.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { EtcdKeyValue } from "../../etcd/types.ts";
import type { JsonObject } from "../../json.ts";
import type { AnyContext } from "../context.ts";
import { detailOf } from "../copying/ledger-detail.ts";
import { isLeaving, leavingText } from "../target/leaving.ts";
import { isWrittenByOthers } from "../target/ownership.ts";
import { withServerDefaults } from "../target/schemas.ts";

/** What comparing one resource on both sides gave. */
export type Comparison =
  | { result: "equal" }
  /** The source is not what it was when it was copied. */
  | { result: "source-changed" }
  /** `byOthers`: somebody else has written to the target as well; true of every Node. */
  | { result: "different"; message: string; byOthers: boolean };

const PATHS_NAMED = 3;

/**
 * Compares what the source means with what the target means.
 *
 * @param source - undefined when the key is gone
 * @param target - undefined when the object is not there
 */
export async function compareResource(
  context: AnyContext,
  conversion: ForwardContext,
  pair: { checkpoint: Checkpoint; source: EtcdKeyValue | undefined; target: JsonObject | undefined },
): Promise<Comparison> {
  const { checkpoint, source, target } = pair;
  if (source?.modRevision !== checkpoint.sourceRevision) return { result: "source-changed" };
  if (target !== undefined && isLeaving(target))
    return { result: "different", message: leavingText(target), byOthers: false };
  if (target !== undefined && isKeptTarget(checkpoint, target)) return { result: "equal" };
  const forwarded = forward(source.key, source.value, conversion);
  if (forwarded.outcome !== "carry") return { result: "source-changed" };
  if (target === undefined)
    return { result: "different", message: "it is missing in the target", byOthers: false };
  const expected = await withServerDefaults(
    context,
    conversion.targetGroup,
    forwarded.kind,
    forwarded.object,
  );
  if (meaningHash(expected) === meaningHash(target)) return { result: "equal" };
  const byOthers = target["kind"] === "Node" || isWrittenByOthers(context, target);
  if (byOthers && (await meansSameToCalico(context, conversion, expected, target)))
    return { result: "equal" };
  return { result: "different", message: describe(expected, target), byOthers };
}

/** True for what a person has decided to keep instead of the source, and is still as it was then. */
function isKeptTarget(checkpoint: Checkpoint, target: JsonObject): boolean {
  const { resolved, held } = detailOf(checkpoint);
  return resolved === "target" && held === meaningHash(target);
}

/** True when Calico's own client, reading the target and writing it again, would write what is expected: others leave out what it fills in. */
async function meansSameToCalico(
  context: AnyContext,
  conversion: ForwardContext,
  expected: JsonObject,
  target: JsonObject,
): Promise<boolean> {
  const { nodeNames, targetGroup, calico = NEWEST_CALICO } = conversion;
  const stored = backward(target, { nodeNames, sourceGroup: targetGroup, calico });
  if ("skipped" in stored) return false;
  const written = forward(stored.key, stored.value, conversion);
  if (written.outcome !== "carry") return false;
  const completed = await withServerDefaults(context, targetGroup, written.kind, written.object);
  return meaningHash(completed) === meaningHash(expected);
}

function describe(expected: JsonObject, target: JsonObject): string {
  const found = differences(expected, target);
  const named = found
    .slice(0, PATHS_NAMED)
    .map(
      ({ path, source, target: found }) =>
        `${path}: source ${source ?? "absent"}, target ${found ?? "absent"}`,
    );
  const more = found.length > PATHS_NAMED ? ` and ${found.length - PATHS_NAMED} more` : "";
  return named.join("; ") + more;
}
