import { NATIVE_KINDS } from "../../../../calico/native/native-kinds.ts";
import { checkAccess, type AccessRule } from "../../../../kubernetes/access.ts";
import { accessOf } from "../../../access.ts";
import { CRDS } from "../../../access-parts.ts";
import {
  type CheckReport,
  type CheckResult,
  type CheckTraits,
  fail,
  notApplicable,
  pass,
} from "../../../preflight/check.ts";
import { rightText } from "../../../preflight/right-text.ts";
import { scannedResources } from "../../../apiserver-to-crds/owners/scan.ts";
import { ifAllowed } from "../../../apiserver-to-crds/preflight/gather/cluster.ts";
import { sendFor } from "../dependants.ts";
import { partsOf, readIndex } from "../../index-file.ts";
import { MEND_LINE } from "../content.ts";
import type { Context } from "../options.ts";
import { foreignLocks, lockedMessage } from "../locks.ts";
import { isAggregated } from "../places.ts";
import type { Inventory, Listed } from "./inventory.ts";
import { brokenInformations, type Pieces } from "./pieces.ts";

const NATIVE_GROUP = "projectcalico.org";
const NATIVES = new Set(NATIVE_KINDS.map(({ plural }) => plural));
const SUBJECT = { targetGroup: "crd.projectcalico.org/v1", manifest: [], rollbackManifest: [] } as const;

/** Everything that a check of a restore may look at. */
export interface Looked {
  context: Context;
  inventory: Inventory;
  pieces: Pieces;
}

/** A check of a restore; `subject` is what is approved where it needs consent. */
export interface RestoreCheck extends CheckTraits {
  subject?: string;
  /** The list of the inventory that it is about. */
  list?: Listed;
  run(looked: Looked): Promise<CheckResult> | CheckResult;
}

const whole: RestoreCheck = {
  id: "backup-whole",
  title: "every part of the backup is there, as it was written",
  severity: "blocking",
  fix: "Import the backup again from where it was exported to, or name another one.",
  run: async ({ context }) => {
    const { from, side } = context.options;
    const present = new Map((await partsOf(context.artifacts, from)).map((part) => [part.name, part]));
    const index = await readIndex(context.artifacts, from);
    const wrong = (index?.parts ?? []).filter(({ name, sha256 }) => present.get(name)?.sha256 !== sha256);
    if (wrong.length > 0)
      return fail(
        `${wrong.length} parts are missing or changed`,
        wrong.map(({ name }) => name),
      );
    return pass(`${present.size} parts of both sides, of which "${side}" is put back`);
  },
};

const finished: RestoreCheck = {
  id: "backup-finished",
  title: "the backup came to its end",
  severity: "consent",
  subject: "incomplete-backup",
  fix: "Name a run whose stage `backup` is done; or accept with the approval `incomplete-backup` that what it does not hold is not put back.",
  run: async ({ context: { artifacts, options } }) =>
    (await readIndex(artifacts, options.from)) === undefined
      ? fail("nothing says that it did: it may lack what came after what it holds")
      : pass("it has an index of its parts"),
};

const valid: RestoreCheck = {
  id: "backup-valid",
  title: "every line of the backup is a key or an object of Calico's",
  severity: "blocking",
  fix: MEND_LINE,
  run: ({ inventory, pieces }) => {
    const broken = brokenInformations(pieces);
    const { count, first } = inventory.invalid;
    const all = [...first, ...broken];
    if (all.length === 0) return pass("all are");
    return fail(`${count + broken.length} are not: ${all[0] ?? ""}`, all, count + broken.length);
  },
};

const access: RestoreCheck = {
  id: "access",
  title: "the Kubernetes user may do everything that the restore does",
  severity: "blocking",
  fix: "Grant these rights, which `calico-migrator rbac restore` prints as roles, then `resume`; or restore again with a kubeconfig that has them.",
  run: async ({ context, inventory, pieces }) => {
    if (context.options.side === "etcd") return notApplicable("nothing is written to Kubernetes");
    const comparesNatives = pieces.apiService !== undefined && !(await isAggregated(context));
    const rules = rulesOf(inventory, pieces, comparesNatives);
    const denied = await checkAccess(context.connections.kubernetes, rules, { signal: context.signal });
    if (denied.length === 0) return pass(`all ${rules.length} rights are there`);
    const named = denied.map(rightText);
    return fail(`${named.length} rights are missing, among them: ${named[0] ?? ""}`, named);
  },
};

const accepted: RestoreCheck = {
  id: "api-server-accepts",
  title: "the API server takes every object, as a dry run says",
  severity: "blocking",
  fix: "Mend what the API server names: a newer definition, an admission policy, a quota. Then `resume`.",
  run: ({ inventory }) => listed(inventory, "refused", "are refused", "all are taken"),
};

const unlocked: RestoreCheck = {
  id: "datastore-unlocked",
  title: "nobody else has locked the datastore",
  severity: "consent",
  subject: "foreign-lock",
  fix: "Finish or undo the run that has locked it; or approve `foreign-lock`: after the restore the datastore is ready.",
  run: async ({ context }) => {
    const locked = await foreignLocks(context);
    return locked.length === 0 ? pass("nobody has") : fail(lockedMessage(locked), locked);
  },
};

const restorable: RestoreCheck = {
  id: "all-restorable",
  title: "everything in the backup has its place here",
  severity: "consent",
  subject: "uncarried",
  list: "uncarried",
  fix: "Create the namespaces, Nodes and definitions that are named, `abort`, and restore anew; or approve `uncarried`, and what is named stays out, as what was being deleted already when the backup was made.",
  run: ({ inventory }) => listed(inventory, "uncarried", "stay out", "all of it has"),
};

const addresses: RestoreCheck = {
  id: "addresses",
  title: "nothing that says who has which address is put back as it was",
  severity: "consent",
  subject: "addresses",
  list: "addresses",
  fix: "Addresses that were given out since the backup are unknown to it, and may be given out again: see that no pod has such a one, then approve `addresses`.",
  run: ({ inventory }) => listed(inventory, "addresses", "are put back", "none is"),
};

const onlyHere: RestoreCheck = {
  id: "only-here",
  title: "what is here is in the backup",
  severity: "consent",
  subject: "only-here",
  list: "onlyHere",
  fix: "Delete what shall not be, `abort`, and restore anew; or approve `only-here`, and it stays beside what is put back.",
  run: ({ inventory }) => listed(inventory, "onlyHere", "are not in the backup, and stay", "all of it is"),
};

const hidden: RestoreCheck = {
  id: "hidden-natives",
  title: "what was done in the native group since the backup is in the old group as well",
  severity: "consent",
  subject: "hidden-natives",
  list: "hiddenNatives",
  fix: "Nobody sees or enforces it once an aggregated API server serves the group again: keep what shall stay (`calico-migrator backup`), approve `hidden-natives`, and apply it, or delete it, again once the restore is done.",
  run: ({ inventory, pieces }) => {
    if (pieces.apiService === undefined) return notApplicable("no aggregated API server comes back");
    return listed(inventory, "hiddenNatives", "are not, and are forgotten", "all of it is");
  },
};

const dependants: RestoreCheck = {
  id: "dependants-readable",
  title:
    "what may belong to native objects can be listed, where an aggregated API server serves the group again",
  severity: "consent",
  subject: "unread-dependants",
  fix: "`abort`, and restore with a kubeconfig that may list them; or approve `unread-dependants`: the garbage collector may delete such objects where they belong to Calico's.",
  run: async ({ context, pieces }) => {
    if (pieces.apiService === undefined) return notApplicable("the APIService stays as it is");
    const unread = await unreadResources(context);
    if (unread.length === 0) return pass("all can");
    return fail(`${unread.length} cannot: ${unread[0] ?? ""}`, unread);
  },
};

/** In the order of the report. */
export const RESTORE_CHECKS: readonly RestoreCheck[] = [
  ...[whole, finished, valid, access, accepted],
  ...[unlocked, restorable, addresses, onlyHere, hidden, dependants],
];

/** Runs all of them. */
export async function checkReports(looked: Looked): Promise<CheckReport[]> {
  const reports: CheckReport[] = [];
  for (const check of RESTORE_CHECKS) {
    const { id, title, severity, fix } = check;
    reports.push({ id, title, severity, fix, ...(await check.run(looked)) });
  }
  return reports;
}

function listed(inventory: Inventory, list: Listed, what: string, none: string): CheckResult {
  const { count, first } = inventory[list];
  return count === 0 ? pass(none) : fail(`${count} ${what}: ${first.slice(0, 5).join("; ")}`, first, count);
}

async function unreadResources(context: Context): Promise<string[]> {
  const send = sendFor(context);
  const { resources, unread } = await scannedResources(send);
  const refused = await Promise.all(
    resources.map(async (resource) => {
      const page = await ifAllowed(() => send((api) => api.list(resource, { limit: 1, metadataOnly: true })));
      return "unread" in page ? [`${resource.apiVersion}/${resource.plural}`] : [];
    }),
  );
  return [...unread.map(({ subject, reason }) => `${subject} (${reason})`), ...refused.flat()];
}

/** Of the rights that a restore may need, those that this backup needs. */
function rulesOf({ resources }: Inventory, { definitions }: Pieces, comparesNatives: boolean): AccessRule[] {
  const needed = new Set(resources.map(resourceName));
  const hasWorkloads = needed.has("deployments.apps") || needed.has("daemonsets.apps");
  const hasDefinitions = Object.keys(definitions).length > 0;
  return accessOf("restore", SUBJECT).filter(({ group, resource, verb }) => {
    if (resource === CRDS.resource) return verb === "get" || verb === "list" || hasDefinitions;
    if (group === "" && resource === "namespaces") return true;
    if (group === "" && resource !== "nodes") return hasWorkloads;
    if (comparesNatives && group === NATIVE_GROUP && verb === "list" && NATIVES.has(resource)) return true;
    return needed.has(`${resource}.${group}`) || (resource === "apiservices" && verb === "get");
  });
}

/** `deployments.apps` of `apps/v1/deployments`, `nodes.` of `v1/nodes`. */
function resourceName(resource: string): string {
  const parts = resource.split("/");
  return `${parts.at(-1) ?? ""}.${parts.length === 3 ? (parts[0] ?? "") : ""}`;
}
