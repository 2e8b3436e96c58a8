import { PROTECTED_TIERS } from "../../calico/built-in.ts";
import { type Difference, differences } from "../../calico/differences.ts";
import { NATIVE_KINDS, type NativeKind } from "../../calico/native/native-kinds.ts";
import { compareNative, nativeMeaning } from "../../calico/native/same-native.ts";
import { toNative } from "../../calico/native/to-native.ts";
import { ledgerPages, openLedger, type Ledger } from "../../engine/ledger.ts";
import type { CheckpointStore } from "../../engine/ports.ts";
import type { Checkpoint, RunRecord } from "../../engine/records.ts";
import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ClusterConnections } from "../connections.ts";
import type { AnyContext } from "../context.ts";
import { detailOf, isLeftOut } from "../copying/ledger-detail.ts";
import { nothingCopied } from "../nothing-copied.ts";
import { readTarget } from "../target/calls.ts";
import { isLeaving, leavingText } from "../target/leaving.ts";
import { withServerDefaults } from "../target/schemas.ts";
import { nativeIdOf } from "./copied.ts";
import { v1Resource } from "./context.ts";
import { ONLY_NATIVE } from "./judge-native.ts";
import { nativeCommand } from "./native-command.ts";
import { nativeRefOf } from "./native-ref.ts";
import { keyOf } from "./native-task.ts";
import { isServed, shownVersion } from "./shown-version.ts";
import { v1Ref } from "./v1-ref.ts";
import { hasV1Kind } from "./v1-kind.ts";
import { reads } from "../target/reads.ts";

/** One object that does not mean the same in both groups. */
export interface GroupDifference {
  kind: string;
  namespace?: string;
  /** The native object's id. */
  target: string;
  reason: string;
}

const PAGE = 200;
const PATHS_NAMED = 3;
const COPIED = ["pending", "applied", "verified", "conflict", "failed"] as const;

/**
 * Compares, reading only, what each v1 object of a run means with what its native object means now, a page at a time; and
 * names objects that only one of them has. Throws NOTHING_COPIED for a run that has copied nothing, OLD_GROUP_DELETED
 * once the old CRDs are (being) deleted, and NATIVE_NOT_SERVED while an aggregated API server hides the native objects.
 */
export async function* compareGroups(
  ports: { store: CheckpointStore },
  connections: ClusterConnections,
  run: RunRecord,
): AsyncGenerator<GroupDifference, void> {
  const context = {
    run,
    connections,
    signal: new AbortController().signal,
    ensureHeld: (): void => undefined,
  };
  const ledger = openLedger(ports.store, run.runId, "resources", () => {
    throw new Error("a comparison writes nothing");
  });
  await refuseDeleted(ports, context);
  if ((await ledger.list({ limit: 1, states: COPIED })).length === 0) throw nothingCopied(run);
  const version = await visibleVersion(context);
  for await (const rows of ledgerPages(ledger, { states: COPIED, limit: PAGE })) {
    const reasons = await Promise.all(rows.map((row) => whyDifferent(context, version, row)));
    for (const [index, reason] of reasons.entries()) {
      const row = rows[index];
      if (row !== undefined && reason !== undefined) yield differenceOf(row, reason);
    }
  }
  for (const kind of NATIVE_KINDS) {
    yield* uncopied(context, ledger, kind);
    yield* onlyNative(context, { ledger, kind, version });
  }
}

async function refuseDeleted({ store }: { store: CheckpointStore }, context: AnyContext): Promise<void> {
  const stage = await store.getStage({ runId: context.run.runId, track: "forward", stage: "cleanup" });
  const isDeleting = stage?.notes["deletingAt"] !== undefined;
  if (!isDeleting && (await isServed(context, "crd.projectcalico.org/v1"))) return;
  throw new MigratorError(
    "OLD_GROUP_DELETED",
    "the CRDs of crd.projectcalico.org are deleted, or being deleted: there is nothing to compare with",
    { next: "Look at what the run compared before: its report, and `calico-migrator describe RUN`." },
  );
}

async function visibleVersion(context: AnyContext): Promise<string> {
  const version = await shownVersion(context);
  if (version !== undefined) return version;
  throw new MigratorError(
    "NATIVE_NOT_SERVED",
    "the native objects cannot be seen: an aggregated API server serves projectcalico.org/v3, and the second version is not open",
    { next: "Let the run go on with `calico-migrator resume`, then compare.", retryable: true },
  );
}

async function whyDifferent(
  context: AnyContext,
  version: string,
  row: Checkpoint,
): Promise<string | undefined> {
  const [v1, native] = await Promise.all([
    readTarget(context, v1Ref(row.key).ref),
    readNative(context, version, row),
  ]);
  if (v1 === undefined) return "it is gone from the old group";
  if (isLeaving(v1)) return `in the old group ${leavingText(v1)}`;
  if (native !== undefined && isLeaving(native)) return leavingText(native);
  if (native !== undefined && isKept(row, native)) return undefined;
  const carried = toNative(v1);
  if (carried.outcome === "broken") return carried.reason;
  if (native === undefined) return "it is missing in projectcalico.org/v3";
  const { kind, object } = carried;
  const expected = await withServerDefaults(context, "projectcalico.org/v3", kind, object);
  const comparison = compareNative(expected, native);
  return comparison.same ? undefined : describe(comparison.paths, differences(expected, native));
}

/** A v1 object that is broken was never converted, so its checkpoint names no native object. */
async function readNative(
  context: AnyContext,
  version: string,
  row: Checkpoint,
): Promise<JsonObject | undefined> {
  return row.detail["name"] === undefined ? undefined : readTarget(context, nativeRefOf(row, version));
}

/** True for what a person has decided to keep instead of the v1 object, and is still as it was then. */
function isKept(row: Checkpoint, native: JsonObject): boolean {
  const { resolved, held } = detailOf(row);
  return resolved === "target" && held === nativeMeaning(native);
}

/** The first places that count, with their values where these are known. */
function describe(paths: readonly string[], found: readonly Difference[]): string {
  const named = paths.slice(0, PATHS_NAMED).map((path) => {
    const difference = found.find((one) => one.path === path);
    if (difference === undefined) return path;
    const { source = "absent", target = "absent" } = difference;
    return `${path}: old group ${source}, native ${target}`;
  });
  return named.join("; ") + (paths.length > PATHS_NAMED ? ` and ${paths.length - PATHS_NAMED} more` : "");
}

/** The v1 objects of a kind that the run knows nothing of: they came after it had read the kind. */
async function* uncopied(
  context: AnyContext,
  ledger: Ledger,
  kind: NativeKind,
): AsyncGenerator<GroupDifference, void> {
  for await (const page of v1Pages(context, kind)) {
    const keys = page.map((v1) => ({ rank: kind.rank, key: keyOf(kind, v1) }));
    const known = new Set((await ledger.get(keys)).map(({ key }) => key));
    for (const v1 of page) {
      const target = keyOf(kind, v1);
      const namespace = textAt(v1, "metadata", "namespace");
      const place = namespace === "" ? { target } : { namespace, target };
      const reason = isLeaving(v1) ? `${leavingText(v1)}, and not copied` : "it is not copied";
      if (!known.has(target)) yield { kind: kind.kind, ...place, reason };
    }
  }
}

/** The native objects of a kind that nothing of the old group was copied to, but for the tiers that Calico makes itself. */
async function* onlyNative(
  context: AnyContext,
  { ledger, kind, version }: { ledger: Ledger; kind: NativeKind; version: string },
): AsyncGenerator<GroupDifference, void> {
  const ref = { apiVersion: version, plural: kind.plural };
  const options = { metadataOnly: true, pageSize: PAGE, signal: context.signal };
  for await (const page of reads(context).pages(ref, options)) {
    const byId = new Map(page.map((object) => [nativeIdOf(kind, object), object]));
    const rows = new Map((await ledger.findByTarget([...byId.keys()])).map((row) => [row.target, row]));
    for (const [target, object] of byId) {
      const row = rows.get(target);
      // What was to be copied is compared with its v1 object above.
      if (row !== undefined && (isLeftOut(row) || row.state !== "reverted")) continue;
      if (kind.kind === "Tier" && PROTECTED_TIERS.has(textAt(object, "metadata", "name"))) continue;
      const namespace = textAt(object, "metadata", "namespace");
      const place = namespace === "" ? { target } : { namespace, target };
      const command = nativeCommand("delete", version, target);
      yield { kind: kind.kind, ...place, reason: `${ONLY_NATIVE} (\`${command}\`)` };
    }
  }
}

async function* v1Pages(context: AnyContext, kind: NativeKind): AsyncGenerator<JsonObject[]> {
  const { signal } = context;
  if (!(await hasV1Kind(context, kind))) return;
  yield* reads(context).pages(v1Resource(kind), { metadataOnly: true, pageSize: PAGE, signal });
}

function differenceOf(row: Checkpoint, reason: string): GroupDifference {
  const { kind, namespace } = detailOf(row);
  return { kind, ...(namespace === undefined ? {} : { namespace }), target: row.target, reason };
}
