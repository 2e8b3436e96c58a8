import { NATIVE_KINDS } from "../../calico/native/native-kinds.ts";
import { failureOf } from "../../engine/backoff.ts";
import type { Action, BatchOutcome, Sweep } from "../../engine/migration.ts";
import { MigratorError } from "../../errors.ts";
import { orAbsent } from "../../kubernetes/absent.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { KubernetesApi } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { keepRemoved } from "./api-service.ts";
import { nativeIdOf } from "./copied.ts";
import { type Context, isRemoved, resources } from "./context.ts";
import { type IsGone, type IsOld, NativeApi } from "./native-api.ts";
import { refuseLostDefinitions } from "./native-definitions.ts";
import { nativeDetailOf } from "./native-detail.ts";
import type { ApiserverToCrdsOptions } from "./options.ts";
import { reopenLost } from "./second-version.ts";

const POLL_MS = 500;

type AnySweep = Sweep<ClusterConnections, ApiserverToCrdsOptions>;
type AnyAction = Action<ClusterConnections, ApiserverToCrdsOptions>;

/** True while projectcalico.org/v3 must be served out of the native CRDs, and by nobody else. */
type MustBeLocal = (context: Context) => Promise<boolean>;

/**
 * A sweep that reads or writes native objects, made safe against what others do to the cluster meanwhile. Where somebody has put
 * the native CRDs back, the second version is opened again (`reopenLost`). Once the aggregated APIService is removed, every
 * page of the plan and every batch begins and ends with the proof that projectcalico.org/v3 is served out of the native CRDs; what was
 * done without it is done again. It must be repeatable.
 */
export function throughNative(sweep: AnySweep, mustBeLocal: MustBeLocal = isRemoved): AnySweep {
  return {
    ...sweep,
    plan: (context, cursor) =>
      attempt(context, mustBeLocal, {
        act: (native) => sweep.plan(native, cursor),
        later: (message) => ({ wait: { reason: "Gate", message, retryAfterMs: POLL_MS } }),
      }),
    work: (context, batch) =>
      attempt<BatchOutcome>(context, mustBeLocal, {
        act: (native) => sweep.work(native, batch),
        later: (message) => ({
          more: true,
          ...(batch.progress === undefined ? {} : { progress: batch.progress }),
          retryAfterMs: POLL_MS,
          held: failureOf(notReached(message)),
        }),
      }),
  };
}

/** The same for an action. */
export function throughNativeAction(action: AnyAction): AnyAction {
  return {
    ...action,
    act: (context) =>
      attempt(context, isRemoved, {
        act: (native) => action.act(native),
        later: (message) => ({ wait: { reason: "Gate", message, retryAfterMs: POLL_MS } }),
      }),
  };
}

async function attempt<T>(
  context: Context,
  mustBeLocal: MustBeLocal,
  { act, later }: { act: (native: Context) => Promise<T>; later: (reason: string) => T },
): Promise<T> {
  const isLocal = await mustBeLocal(context);
  const before = isLocal ? await keepRemoved(context) : undefined;
  if (before !== undefined) return unlessLost(context, () => later(before));
  try {
    const result = await act(nativeContext(context, isLocal));
    const after = isLocal ? await keepRemoved(context) : undefined;
    return after === undefined ? result : await unlessLost(context, () => later(after));
  } catch (error) {
    if (isCode(error, "SECOND_VERSION_LOST"))
      return unlessLost(context, async () => later(await reopenLost(context)));
    if (isCode(error, "NATIVE_NOT_SERVED")) return unlessLost(context, () => later(error.message));
    throw error;
  }
}

/**
 * Gives `later`. On the way forward it throws NATIVE_CRD_LOST where a native CRD is gone: the objects that were copied
 * into it are gone with it, so waiting is of no use. On the way back they are not needed any more.
 */
async function unlessLost<T>(context: Context, later: () => T | Promise<T>): Promise<T> {
  if (context.run.track === "forward") await refuseLostDefinitions(context);
  return later();
}

function notReached(message: string): MigratorError {
  return new MigratorError("NATIVE_NOT_REACHED", message, {
    next: "See what keeps the native CRDs or the APIService v3.projectcalico.org from staying as the run needs them, and stop that.",
  });
}

function isCode(error: unknown, code: string): error is MigratorError {
  return error instanceof MigratorError && error.code === code;
}

/** The context with an API that knows native objects from others. Its notes stay those of the stage. */
function nativeContext(context: Context, isLocal: boolean): Context {
  const { kubernetes: api } = context.connections;
  const isForward = context.run.track === "forward";
  const kubernetes = isLocal
    ? new NativeApi(api, isOld(context), isForward ? never : isGone(api))
    : throughSecond(context, isForward ? forward : back);
  const connections = { ...context.connections, kubernetes };
  return Object.create(context, { connections: { value: connections, enumerable: true } }) as Context;
}

const forward = new WeakMap<KubernetesApi, NativeApi>();
const back = new WeakMap<KubernetesApi, NativeApi>();

/** One for each connection, as what is known of a cluster's CRDs is kept with it. Only the native group has a second version. */
function throughSecond(context: Context, known: WeakMap<KubernetesApi, NativeApi>): NativeApi {
  const { kubernetes: api } = context.connections;
  const found = known.get(api) ?? new NativeApi(api, never, known === back ? isGone(api) : never);
  known.set(api, found);
  return found;
}

function never(): Promise<boolean> {
  return Promise.resolve(false);
}

/** True for a resource whose native CRD is gone. */
function isGone(api: KubernetesApi): IsGone {
  return async ({ plural }) =>
    (await orAbsent(api.get({ ...crdResource, name: `${plural}.projectcalico.org` }))) === undefined;
}

/** An aggregated API server shows v1 objects under the UIDs that their checkpoints keep. */
function isOld(context: Context): IsOld {
  return async ({ plural }, object) => {
    const kind = NATIVE_KINDS.find((one) => one.plural === plural);
    if (kind === undefined) return false;
    const uid = textAt(object, "metadata", "uid");
    const rows = await resources(context).findByTarget([nativeIdOf(kind, object)]);
    return rows.some((row) => nativeDetailOf(row).uid === uid);
  };
}
