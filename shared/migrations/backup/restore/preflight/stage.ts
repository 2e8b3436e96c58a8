import { z } from "zod";
import { shownThings } from "../../../../engine/approvals.ts";
import { ledgerPages } from "../../../../engine/ledger.ts";
import type { Sweep, SweepPlan } from "../../../../engine/migration.ts";
import { MigratorError } from "../../../../errors.ts";
import { parseExactJson } from "../../../../exact-json.ts";
import type { JsonObject } from "../../../../json.ts";
import { nativeApiService } from "../../../../kubernetes/api-services.ts";
import { objectAt, textAt } from "../../../../kubernetes/fields.ts";
import { readTarget } from "../../../target/calls.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { artifactName } from "../../../context.ts";
import { keepReports, PREFLIGHT_REPORT, refuse } from "../../../preflight/reports.ts";
import { partNames } from "../content.ts";
import { isAggregated } from "../places.ts";
import { ifAllowed } from "../../../apiserver-to-crds/preflight/gather/cluster.ts";
import { findHidden } from "../hidden/found.ts";
import { noteOnlyHere, onlyHere } from "../only-here.ts";
import { type Context, type RestoreOptions, uncarried } from "../options.ts";
import { checkReports, RESTORE_CHECKS } from "./checks.ts";
import { add, emptyInventory, Inventory } from "./inventory.ts";
import { findPieces, noPieces, Pieces } from "./pieces.ts";
import { readPart } from "./read-part.ts";
import { establishedDefinitions, Surroundings } from "./surroundings.ts";
import { shownKey } from "../objects.ts";

const DIGITS = 12;
const PER_PAGE = 1000;
const NATIVE = "projectcalico.org/";

const Cursor = z.object({
  phase: z.enum(["pieces", "read", "judge"]),
  part: z.int(),
  pieces: Pieces,
  inventory: Inventory,
  retries: z.int(),
  /** Of the cluster's definitions those that can be written to, and whether native objects are hidden. */
  around: z.object({ definitions: z.array(z.string()), hidesNative: z.boolean() }).optional(),
});
type Cursor = z.infer<typeof Cursor>;

/**
 * Looks, and changes nothing on any cluster: reads the whole backup, compares it with what is there, asks the API server about
 * every write, and records what is to be done. All that speaks against it is told at once; a resume starts over.
 */
export const preflight: Sweep<ClusterConnections, RestoreOptions> = {
  kind: "sweep",
  name: "preflight",
  title: "read the backup and compare it with what is there, changing nothing",
  plan: async (context, previous) => {
    const parts = await partNames(context);
    if (parts.length === 0) throw noBackup(context.options);
    const retries = context.run.retriesSeen;
    // One that an earlier version has kept says less: then it begins anew, too.
    const known = Cursor.safeParse(previous).data;
    const goesOn = known !== undefined && known.retries >= retries;
    if (!goesOn) await forgetFound(context);
    const cursor = goesOn ? known : fresh(retries);
    const part = parts[cursor.part];
    if (cursor.phase === "judge") return judge(context, cursor);
    if (part === undefined)
      return cursor.phase === "pieces"
        ? next({ ...cursor, around: await lookAround(context) }, "read")
        : next(cursor, "judge");
    if (cursor.phase === "pieces") await findPieces(context, part, cursor.pieces);
    else
      await readPart(context, part, cursor.inventory, {
        surroundings: surroundingsOf(context, cursor),
        isShownNatively: cursor.pieces.apiService !== undefined,
      });
    return { batches: [], cursor: { ...cursor, part: cursor.part + 1 } };
  },
  work: () => Promise.reject(new Error("preflight has no batches")),
};

function fresh(retries: number): Cursor {
  return { phase: "pieces", part: 0, pieces: noPieces(), inventory: emptyInventory(), retries };
}

/** What an earlier look has found may be so no more. Whatever still is, is found again. */
async function forgetFound(context: Context): Promise<void> {
  for await (const page of ledgerPages(uncarried(context), { states: ["pending"], limit: PER_PAGE }))
    await uncarried(context).put(page.map((row) => ({ ...row, state: "reverted" as const })));
}

function next(cursor: Cursor, phase: Cursor["phase"]): SweepPlan {
  return { batches: [], cursor: { ...cursor, phase, part: 0 } };
}

/** Definitions with their schemas are large: they are read once. */
async function lookAround(context: Context): Promise<NonNullable<Cursor["around"]>> {
  if (context.options.side === "etcd") return { definitions: [], hidesNative: false };
  const definitions = [...(await establishedDefinitions(context))];
  return { definitions, hidesNative: await isAggregated(context) };
}

function surroundingsOf(context: Context, { pieces, around }: Cursor): Surroundings {
  const definitions = [...(around?.definitions ?? []), ...Object.keys(pieces.definitions)];
  return new Surroundings(context, new Set(definitions), around?.hidesNative === true);
}

async function judge(context: Context, { inventory, pieces }: Cursor): Promise<SweepPlan> {
  if (context.options.side === "kubernetes" && (await isAggregated(context)))
    inventory.resources = inventory.resources.filter((resource) => !resource.startsWith(NATIVE));
  await leaveApiService(context, inventory, pieces);
  const hidesNatives = pieces.apiService !== undefined;
  await findOnlyHere(context, inventory, hidesNatives);
  if (hidesNatives && !(await isAggregated(context))) await findHiddenNatives(context, inventory);
  const reports = await checkReports({ context, inventory, pieces });
  await keepReports(context, artifactName(context, PREFLIGHT_REPORT), reports);
  const asked = reports.filter(({ status, severity }) => status === "fail" && severity === "consent");
  const consents = asked.flatMap(({ id, message, fix, items = [] }) => {
    const check = RESTORE_CHECKS.find((one) => one.id === id);
    if (check?.subject === undefined) return [];
    const shown = `${message}. ${fix}`;
    if (check.list === undefined) return [[check.subject, { ...shownThings(shown, items) }] as const];
    const { count, digest } = inventory[check.list];
    return [[check.subject, { message: shown, count, fingerprint: digest.slice(0, DIGITS) }] as const];
  });
  const { byKind, create, overwrite, same, ranks, resources } = inventory;
  await context.record({
    ...{ byKind, create, overwrite, same, ranks, resources, pieces, hidesNatives },
    consents: Object.fromEntries(consents),
  });
  refuse(reports);
  await context.announce("preflight.passed", { resources: byKind });
  return { batches: [], done: true };
}

/** An APIService without its server would leave the group to nobody. */
async function leaveApiService(context: Context, inventory: Inventory, pieces: Pieces): Promise<void> {
  if (pieces.apiService === undefined) return;
  const service = objectAt(parseExactJson(pieces.apiService) as JsonObject, "spec", "service");
  const [namespace, name] = [textAt(service, "namespace"), textAt(service, "name")];
  const ref = { apiVersion: "v1", plural: "services", namespace, name };
  if ((await readTarget(context, ref)) !== undefined) return;
  delete pieces.apiService;
  add(inventory, "uncarried", `${nativeApiService.name} (its Service ${namespace}/${name} is not there)`);
}

/** What is here and not in the backup stays, beside what is put back. */
async function findOnlyHere(context: Context, inventory: Inventory, hidesNatives: boolean): Promise<void> {
  for await (const { key, kind } of onlyHere(context, { resources: inventory.resources, hidesNatives })) {
    add(inventory, "onlyHere", shownKey(key), key);
    await noteOnlyHere(context, [{ key, kind }]);
  }
}

/** What a user may not list is named by the check of rights. */
async function findHiddenNatives(context: Context, inventory: Inventory): Promise<void> {
  const found = await ifAllowed(() => findHidden(context));
  if ("unread" in found) return;
  const { count, first, fingerprint } = found;
  inventory.hiddenNatives = { count, first, digest: fingerprint };
}

function noBackup({ from, side }: RestoreOptions): MigratorError {
  return new MigratorError("BACKUP_NOT_FOUND", `there is no backup "${from}" of the side "${side}"`, {
    next: "Name a run that has made one: `calico-migrator describe RUN` lists its artifacts; or bring one in with `calico-migrator backup import FOLDER`.",
  });
}
