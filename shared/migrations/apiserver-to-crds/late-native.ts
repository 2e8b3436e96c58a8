import { askFor, Tally } from "../../engine/approvals.ts";
import type { WaitRequest } from "../../engine/migration.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { managersOf } from "../../kubernetes/managed-fields.ts";
import { fieldManager } from "../context.ts";
import { detailOf } from "../copying/ledger-detail.ts";
import { leavingText } from "../target/leaving.ts";
import type { Context } from "./context.ts";
import { IpamInUse } from "./ipam-in-use.ts";
import type { NativeState } from "./judge-native.ts";

/** The subject that a person approves to keep what others did to native objects. */
export const NATIVE_CHANGES = "native-changes";

/** The kinds that decide which traffic passes and which addresses are taken: changes to them by others are told. */
const GUARDED: ReadonlySet<string> = new Set([
  "Tier",
  "GlobalNetworkPolicy",
  "NetworkPolicy",
  "StagedGlobalNetworkPolicy",
  "StagedNetworkPolicy",
  "StagedKubernetesNetworkPolicy",
  "GlobalNetworkSet",
  "NetworkSet",
  "HostEndpoint",
  "IPReservation",
  "IPAMConfiguration",
  "IPAMBlock",
  "BlockAffinity",
  "IPAMHandle",
]);
const ADDRESSES: ReadonlySet<string> = new Set(["IPAMBlock", "BlockAffinity", "IPAMHandle"]);
/** The field managers of what gives addresses to pods and takes them back: calico-node, the CNI plugin, kube-controllers. */
const GIVES_ADDRESSES = /^(calico|calico-ipam|calico-node|kube-controllers|calico-kube-controllers)$/;
const NAMED = 10;

/** A native object that is not as it was copied. */
export interface NativeFinding {
  kind: string;
  /** The native object's id. */
  id: string;
  state: Exclude<NativeState, "settled">;
  object: JsonObject | undefined;
}

/**
 * Which differences a person has to know of, once Calico uses the native group: those of policies, sets, host
 * endpoints and IPAM, but not the addresses that Calico itself has given to pods or taken back since the unlock.
 * Given as rows that are `pending` until they are approved.
 */
export async function lateRows(context: Context, findings: readonly NativeFinding[]): Promise<Checkpoint[]> {
  const guarded = findings.filter(({ kind }) => GUARDED.has(kind));
  const inUse = new IpamInUse(context);
  const rows: Checkpoint[] = [];
  for (const one of guarded) if (!(await isCalicoAtWork(one, inUse))) rows.push(lateRow(context, one));
  return rows;
}

async function isCalicoAtWork(
  { kind, id, state, object }: NativeFinding,
  inUse: Pick<IpamInUse, "needs">,
): Promise<boolean> {
  if (!ADDRESSES.has(kind)) return false;
  // Whoever deleted it: what nothing in IPAM refers to any more is not missed.
  if (object === undefined || state === "leaving") return !(await inUse.needs(kind, id));
  return GIVES_ADDRESSES.test(lastWriter(object)?.manager ?? "");
}

function lateRow(context: Context, { kind, id, state, object }: NativeFinding): Checkpoint {
  const writer = object === undefined ? undefined : lastWriter(object)?.manager;
  const by = writer === undefined || writer === fieldManager(context) ? "" : ` by ${writer}`;
  const version = object === undefined ? "" : textAt(object, "metadata", "resourceVersion");
  const leaving = object === undefined ? "" : leavingText(object);
  const reason = { missing: "deleted", leaving, changed: `changed${by}`, foreign: `created${by}` }[state];
  return {
    ...{ rank: 0, key: id, target: id, state: "pending", sourceRevision: 0 },
    detail: { kind, code: "CHANGED_SINCE_COPIED", reason, version },
  };
}

/** Who has written to an object last, as far as the API server tells. */
export function lastWriter(object: JsonObject): { manager: string; time: string } | undefined {
  let last: { manager: string; time: string } | undefined;
  for (const one of managersOf(object))
    if (one.subresource === "" && (last === undefined || one.time >= last.time)) last = one;
  return last;
}

/** Waits for a person's approval of these rows, however many; undefined when there are none, or it is given. */
export async function awaitApproval(
  context: Context,
  pages: AsyncIterable<Checkpoint[]> | Iterable<Checkpoint[]>,
): Promise<{ wait: WaitRequest } | undefined> {
  const tally = new Tally();
  const names: string[] = [];
  for await (const page of pages)
    for (const row of page) {
      const { reason = "" } = detailOf(row);
      tally.add([row.target, reason, row.detail["version"] ?? ""]);
      if (names.length < NAMED) names.push(`${row.target} (${reason})`);
    }
  const { count } = tally;
  if (count === 0) return undefined;
  const more = count > NAMED ? `; and ${count - NAMED} more` : "";
  const message = `${count} native objects are not as they were copied, and stay as others made them: ${names.join("; ")}${more}`;
  const shown = tally.shown(message);
  return context.approved(NATIVE_CHANGES, shown) ? undefined : { wait: askFor(NATIVE_CHANGES, shown) };
}
