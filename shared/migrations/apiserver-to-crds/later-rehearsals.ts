import { ledgerPages } from "../../engine/ledger.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import {
  describeManager,
  type GitOpsParts,
  pauseManager,
  resumeManager,
} from "../../kubernetes/gitops/act.ts";
import { pauseOf } from "../../kubernetes/gitops/pause.ts";
import type { ManagerRef } from "../../kubernetes/gitops/saved-pause.ts";
import { objectPlace } from "../../kubernetes/paths.ts";
import type { KubernetesApi, KubernetesReads, Send, WriteOptions } from "../../kubernetes/types.ts";
import { fieldManager } from "../context.ts";
import { WRITE_TIMEOUT_MS } from "../target/calls.ts";
import { copyRehearsals } from "../target/copy-rehearsals.ts";
import { reads } from "../target/reads.ts";
import type { Rehearsal } from "../target/rehearse.ts";
import { type Context, foreignOwners, isPrecopied, SECOND } from "./context.ts";
import { refsOf } from "./create-missing.ts";
import { readCrdManifest } from "./manifest.ts";
import { OWNERS_RANK, ownerDetail } from "./owner-rows.ts";
import type { OwnedRecord } from "./owners/references.ts";
import { releaseOwners, restoreOwners } from "./owners/release.ts";
import { gitOpsParts, pausedInOrder } from "./pause-book.ts";
import { releaseOthersRehearsals } from "./release-others.ts";
import { KIND_OF } from "./run-objects.ts";
import { isMutating } from "./stages/install-crds.ts";

const PAGE = 500;
/** Of how many pairs of resource and namespace an object is tried. */
const MOST_DEPENDANTS = 500;

type Options = Pick<WriteOptions, "fieldManager">;

/**
 * What the stages after `lock` write to what the run has dealt with before it: copies, dependants, paused tools, and what it has
 * created. Together with `lockRehearsals` these are all writes that follow.
 */
export async function laterRehearsals(context: Context): Promise<Rehearsal[]> {
  const native = [...KIND_OF.keys()].map((plural) => ({ apiVersion: SECOND, plural }));
  const renamed = { [SECOND]: "projectcalico.org/v3" };
  return [
    ...((await isPrecopied(context)) ? await copyRehearsals(context, { resources: native, renamed }) : []),
    ...(await dependantsTried(context)),
    ...(await resumesTried(context)),
    ...(await lateAdmission(context)),
    ...(await releaseOthersRehearsals(context)),
  ];
}

/** Taking references to Calico objects off an object that has them, as the stages do: also those that came since. */
export function dependantRehearsal(record: OwnedRecord, options: Options): Rehearsal {
  return {
    what: `take owner references off ${objectPlace(record)}`,
    try: async (api) => {
      const dry = { ...options, ...DRY };
      const result = await releaseOwners(within(api), record, dry);
      if (result.outcome === "changed") await releaseOwners(within(api), result.record, dry);
    },
  };
}

/** Pausing a tool, which needs what putting it back needs. */
export function pauseRehearsal(parts: GitOpsParts, manager: ManagerRef): Rehearsal {
  return {
    what: `pause ${describeManager(manager)}`,
    try: async (api) => {
      const { apiVersion, plural, namespace, name } = manager;
      const object = await api.get({ apiVersion, plural, namespace, name });
      return pauseManager({ ...parts, api: dry(api) }, pauseOf(manager, object));
    },
  };
}

/**
 * Creating admission policies while a broken API server is in their way. Kubernetes cannot find the kind of their parameters
 * then: it is that of the old group instead, and a binding names no parameter. Who may create them, and what others say to it,
 * is found out all the same.
 */
export async function admissionRehearsals(
  api: KubernetesReads,
  objects: readonly JsonObject[],
  options: Options,
): Promise<Rehearsal[]> {
  const wanted = await refsOf(api, objects.filter(isMutating));
  return wanted.map(({ ref, object }) => ({
    what: `create ${objectPlace(ref)}`,
    try: (server) => server.create(ref, withOldParameters(object), { ...options, ...DRY }),
  }));
}

/** A rehearsal has its turn already: with one request at a time, asking for another would wait for itself for ever. */
function within(api: KubernetesApi): Send {
  return (request) => request(api);
}

const DRY = { dryRun: true, timeoutMs: WRITE_TIMEOUT_MS } as const;

/**
 * One of each resource and namespace: what is said of it is said of the others. References that are off are put back; those that are
 * back, to native objects, are taken off.
 */
export async function dependantsTried(context: Context): Promise<Rehearsal[]> {
  const tried = new Map<string, Rehearsal>();
  const options = { fieldManager: fieldManager(context) };
  const states = ["applied", "verified"] as const;
  for await (const page of ledgerPages(foreignOwners(context), { rank: OWNERS_RANK, states, limit: PAGE }))
    for (const row of page) {
      const { restored, ...record } = ownerDetail(row);
      const place = `${record.apiVersion}/${record.plural}/${record.namespace ?? ""}`;
      if (tried.size >= MOST_DEPENDANTS || tried.has(place)) continue;
      const isBack = row.state === "verified" && restored !== undefined;
      const present = { ...record, references: restored ?? [] };
      tried.set(
        place,
        isBack ? dependantRehearsal(present, options) : dependantBackRehearsal(record, options),
      );
    }
  return [...tried.values()];
}

function dependantBackRehearsal(record: OwnedRecord, options: Options): Rehearsal {
  return {
    what: `put owner references back on ${objectPlace(record)}`,
    try: (api) => restoreOwners(within(api), record, (reference) => reference, { ...options, ...DRY }),
  };
}

/** Putting paused tools back. */
export async function resumesTried(context: Context): Promise<Rehearsal[]> {
  const parts = gitOpsParts(context);
  return (await pausedInOrder(context)).map((saved) => ({
    what: `put ${describeManager(saved)} back`,
    try: (api) => resumeManager({ ...parts, api: dry(api) }, saved),
  }));
}

async function lateAdmission(context: Context): Promise<Rehearsal[]> {
  if ((await context.notesOf("install-crds"))["admissionLate"] !== true) return [];
  const objects = await readCrdManifest(context);
  return admissionRehearsals(reads(context), objects, {
    fieldManager: fieldManager(context),
  });
}

/** The same API, whose patches are only judged. */
function dry(api: Pick<KubernetesApi, "get" | "patch">): GitOpsParts["api"] {
  return {
    get: (ref, options) => api.get(ref, options),
    patch: (ref, body, options) => api.patch(ref, body, { ...options, dryRun: true }),
  };
}

function withOldParameters(object: JsonObject): JsonObject {
  const { paramKind, paramRef: _ref, ...spec } = objectAt(object, "spec");
  if (!isJsonObject(paramKind)) return { ...object, spec };
  return {
    ...object,
    spec: { ...spec, paramKind: { ...paramKind, apiVersion: "crd.projectcalico.org/v1" } },
  };
}
