import { NATIVE_KINDS } from "../../../../calico/native/native-kinds.ts";
import { nativeMeaning } from "../../../../calico/native/same-native.ts";
import { toNative } from "../../../../calico/native/to-native.ts";
import { targetId } from "../../../../calico/target.ts";
import type { Ledger } from "../../../../engine/ledger.ts";
import type { Checkpoint } from "../../../../engine/records.ts";
import { withServerDefaults } from "../../../target/schemas.ts";
import type { Context } from "../options.ts";
import type { Item } from "../side.ts";

const OLD = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";

/** What an aggregated API server will show of what is put back: native objects by id, with their meaning as `sourceHash`. */
export function expectedNatives(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("natives");
}

/** Keeps of items of the old group what they are natively. Repeatable. */
export async function noteExpected(context: Context, items: readonly Item[]): Promise<void> {
  const rows = await Promise.all(items.map((item) => expectedRow(context, item)));
  // Two of the old group may be one natively; one write takes no key twice.
  const byKey = new Map(rows.flatMap((row) => (row === undefined ? [] : [[row.key, row] as const])));
  await expectedNatives(context).put([...byKey.values()]);
}

async function expectedRow(context: Context, { line }: Item): Promise<Checkpoint | undefined> {
  if (!("object" in line) || line.ref.apiVersion !== OLD) return undefined;
  const kind = NATIVE_KINDS.find(({ v1Plural }) => v1Plural === line.ref.plural);
  if (kind === undefined) return undefined;
  const native = toNative({ ...line.object, apiVersion: OLD, kind: kind.v1Kind });
  if (native.outcome === "broken") return undefined;
  const meant = await withServerDefaults(context, NATIVE, native.kind, native.object);
  const key = targetId(native.target);
  const row = { rank: kind.rank, key, target: key, state: "pending" as const, sourceRevision: 0 };
  return { ...row, sourceHash: nativeMeaning(meant), detail: { kind: kind.kind } };
}
