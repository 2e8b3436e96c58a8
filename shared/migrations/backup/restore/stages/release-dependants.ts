import { z } from "zod";
import type { Action, Sweep } from "../../../../engine/migration.ts";
import { releaseOwners, restoreOwners } from "../../../apiserver-to-crds/owners/release.ts";
import { calicoReferences, type OwnedRecord } from "../../../apiserver-to-crds/owners/references.ts";
import { ownedPage, scannedResources } from "../../../apiserver-to-crds/owners/scan.ts";
import type { ClusterConnections } from "../../../connections.ts";
import { readTarget } from "../../../target/calls.ts";
import {
  dependantRow,
  dependants,
  eachDependant,
  recordOf,
  sendFor,
  shownOwners,
  writeOptions,
} from "../dependants.ts";
import type { Context, RestoreOptions } from "../options.ts";
import { askHiddenAgain, askHiddenSince } from "../hidden/found.ts";
import { servesAgain } from "../serves-again.ts";

const Cursor = z.object({ after: z.string(), continueToken: z.string().optional() });

const putDependantsBack: Action<ClusterConnections, RestoreOptions> = {
  kind: "action",
  name: "put-dependants-back",
  title: "put the owner references back as they were",
  act: async (context) => {
    await eachDependant(context, async (record) => {
      await restoreOwners(sendFor(context), record, (reference) => reference, writeOptions(context));
    });
    return { done: true };
  },
};

/**
 * Takes references to native objects off what is not Calico's, before another server serves the group: it shows none of their
 * UIDs, and the garbage collector deletes what belongs to nobody. Each is recorded first.
 */
export const releaseDependants: Sweep<ClusterConnections, RestoreOptions> = {
  kind: "sweep",
  name: "release-dependants",
  title: "take owner references to native objects off what is not Calico's",
  changesCluster: true,
  // Before owners are taken off: they would stay off while a person decides.
  approvals: [askHiddenSince],
  undo: [putDependantsBack],
  plan: async (context, previous) => {
    if (!(await servesAgain(context))) return { batches: [], done: true };
    const asked = previous === undefined ? await askHiddenAgain(context) : undefined;
    if (asked !== undefined) return asked;
    const { resources } = await scannedResources(sendFor(context));
    const at = previous === undefined ? undefined : Cursor.parse(previous);
    const keyOf = ({ apiVersion, plural }: { apiVersion: string; plural: string }): string =>
      `${apiVersion}/${plural}`;
    const resource = resources.find((one) => at === undefined || keyOf(one) >= at.after);
    if (resource === undefined) return { batches: [], done: true };
    const token = at?.after === keyOf(resource) ? at.continueToken : undefined;
    const { records, continueToken } = await ownedPage(sendFor(context), resource, token);
    for (const record of records) await release(context, record);
    const here = keyOf(resource);
    const cursor = continueToken === undefined ? { after: `${here}\0` } : { after: here, continueToken };
    return { batches: [], cursor };
  },
  work: () => Promise.reject(new Error("release-dependants has no batches")),
};

const releaseAgain: Action<ClusterConnections, RestoreOptions> = {
  kind: "action",
  name: "release-dependants-again",
  title: "take the owner references off again",
  act: async (context) => {
    await eachDependant(context, async (record) => {
      const object = await readTarget(context, record);
      if (object === undefined) return;
      const present = { ...record, references: calicoReferences(object) };
      await releaseOwners(sendFor(context), present, writeOptions(context));
    });
    return { done: true };
  },
};

/** Gives those objects their owners again, by the UIDs under which these are shown now. */
export const restoreDependants: Action<ClusterConnections, RestoreOptions> = {
  kind: "action",
  name: "restore-dependants",
  title: "put the owner references of other objects back, by the UIDs that their owners have now",
  changesCluster: true,
  undo: [releaseAgain],
  act: async (context) => {
    await eachDependant(context, async (record) => {
      const ownerOf = await shownOwners(context, [record]);
      await restoreOwners(sendFor(context), record, ownerOf, writeOptions(context));
    });
    return { done: true };
  },
};

/**
 * One that others give further references meanwhile is recorded with those; what it has lost already, in a life before this one,
 * is on its row alone.
 */
async function release(context: Context, found: OwnedRecord): Promise<void> {
  const { rank, key } = dependantRow(found);
  const [known] = (await dependants(context).get([{ rank, key }])).map(recordOf);
  let record = known?.uid === found.uid ? known : found;
  for (;;) {
    await dependants(context).put([dependantRow(record)]);
    const outcome = await releaseOwners(sendFor(context), record, writeOptions(context));
    if (outcome.outcome !== "changed") return;
    record = outcome.record;
  }
}
