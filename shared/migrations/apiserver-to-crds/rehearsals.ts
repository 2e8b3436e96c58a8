import { lockedClusterInformation, unlockedClusterInformation } from "../../calico/lock.ts";
import { orAbsent } from "../../kubernetes/absent.ts";
import { nativeApiService } from "../../kubernetes/api-services.ts";
import { readApiService } from "../../kubernetes/api-services-calls.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import type { ObjectRef, Send } from "../../kubernetes/types.ts";
import { WRITE_TIMEOUT_MS } from "../target/calls.ts";
import type { Rehearsal } from "../target/rehearse.ts";
import { withNativeGroup } from "./api-group.ts";
import { nativeLock, OLD_LOCK } from "./cluster-information.ts";
import { apiServerRef, type Found, workloadName } from "./workloads.ts";

/** What the writes after the lock depend on. */
export interface RehearsalSubject {
  /** Under which name they are made. */
  fieldManager: string;
  /** The workloads that are told to use the native group. */
  users: readonly Found[];
  /** The operator's Deployment, where one installs Calico: it is stopped, and told instead of the others. */
  operator: Found | undefined;
  /** The names of the CRDs of the old group. */
  oldCrds: readonly string[];
  /** The apiVersion through which native objects can be written; undefined where that is not possible yet. */
  native: string | undefined;
}

type WriteOptions = { fieldManager: string; dryRun: true; timeoutMs: number };

/**
 * Every write that the stages after `lock` make beside the objects that are copied: both locks and their end, the removal of
 * the APIService and of its server, what workloads and the operator are told, and the deletion of the old CRDs.
 */
export async function lockRehearsals(send: Send, subject: RehearsalSubject): Promise<Rehearsal[]> {
  const { fieldManager, native } = subject;
  const options: WriteOptions = { fieldManager, dryRun: true, timeoutMs: WRITE_TIMEOUT_MS };
  return [
    ...(await lockWrites(send, OLD_LOCK, "the old group's", options)),
    ...(native === undefined ? [] : await nativeLockWrites(send, native, options)),
    ...workloadWrites(subject, options),
    ...(await apiServiceWrites(send, subject)),
    ...subject.oldCrds.map((name) => ({
      what: `delete CustomResourceDefinition ${name}`,
      try: deletion({ ...crdResource, name }),
    })),
  ];
}

async function lockWrites(
  send: Send,
  ref: ObjectRef,
  whose: string,
  options: WriteOptions,
): Promise<Rehearsal[]> {
  const found = await orAbsent(send((api) => api.get(ref)));
  if (found === undefined) return [];
  const locked = lockedClusterInformation(found, options.fieldManager);
  return [
    { what: `lock ${whose} ClusterInformation`, object: locked },
    { what: `unlock ${whose} ClusterInformation`, object: unlockedClusterInformation(found) },
  ].map(({ what, object }) => ({ what, try: (api) => api.replace(ref, object, options) }));
}

/** Where the native group has no ClusterInformation yet, it gets the old group's, locked. */
async function nativeLockWrites(send: Send, apiVersion: string, options: WriteOptions): Promise<Rehearsal[]> {
  const ref = nativeLock(apiVersion);
  const writes = await lockWrites(send, ref, "the native group's", options);
  const old = await orAbsent(send((api) => api.get(OLD_LOCK)));
  if (writes.length > 0 || old === undefined) return writes;
  const bare = {
    apiVersion,
    kind: "ClusterInformation",
    metadata: { name: ref.name },
    spec: objectAt(old, "spec"),
  };
  const object = lockedClusterInformation(bare, options.fieldManager);
  return [
    {
      what: "create the native group's ClusterInformation",
      try: (api) => api.create({ apiVersion, plural: ref.plural }, object, options),
    },
  ];
}

function workloadWrites({ users, operator }: RehearsalSubject, options: WriteOptions): Rehearsal[] {
  const told = (operator === undefined ? users : [operator]).flatMap(({ ref, object }) => {
    const patch = withNativeGroup(object);
    return patch === undefined ? [] : [patchOf(ref, "switch", patch, options)];
  });
  const stop = { spec: { replicas: 0 } };
  return operator === undefined ? told : [patchOf(operator.ref, "stop", stop, options), ...told];
}

function patchOf(
  ref: ObjectRef,
  verb: string,
  patch: Parameters<typeof withNativeGroup>[0],
  options: WriteOptions,
): Rehearsal {
  const what = `${verb} ${workloadName(ref)} in ${ref.namespace ?? ""}`;
  return { what, try: (api) => api.patch(ref, patch, { ...options, type: "merge" }) };
}

/** The operator deletes its own API server. */
async function apiServiceWrites(send: Send, { operator }: RehearsalSubject): Promise<Rehearsal[]> {
  const { served, object } = await readApiService(send, nativeApiService);
  if (served !== "aggregated" || object === undefined) return [];
  const remove = { what: `delete APIService ${nativeApiService.name}`, try: deletion(nativeApiService) };
  const server = apiServerRef(object);
  if (operator !== undefined || (server.namespace ?? "") === "") return [remove];
  return [
    remove,
    { what: `delete ${workloadName(server)} in ${server.namespace ?? ""}`, try: deletion(server) },
  ];
}

function deletion(ref: ObjectRef): Rehearsal["try"] {
  return (api) => api.delete(ref, { dryRun: true, timeoutMs: WRITE_TIMEOUT_MS });
}
