import { z } from "zod";
import { convertUid } from "../../calico/uid.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { type ApiServiceState, nativeApiService } from "../../kubernetes/api-services.ts";
import {
  readApiService,
  removeApiService,
  restoreApiService,
  type ServedProbe,
  whyNotServedLocally,
} from "../../kubernetes/api-services-calls.ts";
import { fieldManager } from "../context.ts";
import { WRITE_TIMEOUT_MS } from "../target/calls.ts";
import type { Rehearsal } from "../target/rehearse.ts";
import { lockedUids } from "./cluster-information.ts";
import { type Context, sendFor } from "./context.ts";
import { isUndefined } from "./native-definitions.ts";
import { keepHeld } from "./operator-hold.ts";

const PROBED = "clusterinformations";

const Removal = z.object({
  /** As it was found; null where none belonged to an aggregated server. */
  apiService: z.custom<JsonObject>(isJsonObject).nullable(),
  /** True when an aggregated server was there and answered. */
  available: z.boolean(),
});

/** The APIService as this run found it; undefined before it was looked at. */
export async function foundApiService(context: Context): Promise<z.infer<typeof Removal> | undefined> {
  const removal = Removal.safeParse(await context.notesOf("remove-apiservice"));
  return removal.success ? removal.data : undefined;
}

/** The aggregated APIService that this run has removed; undefined where it found none. */
export async function removedApiService(context: Context): Promise<JsonObject | undefined> {
  return (await foundApiService(context))?.apiService ?? undefined;
}

/**
 * Removes an aggregated APIService v3.projectcalico.org wherever it came from, for example from an operator that somebody has
 * started again, which is stopped first, and says why projectcalico.org/v3 is not served out of the native CRDs yet; undefined when it
 * is. For stages after `remove-apiservice` alone, which has kept what is to be put back.
 */
export async function keepRemoved(context: Context): Promise<string | undefined> {
  const send = sendFor(context);
  const isHeldAgain = await keepHeld(context);
  const found = await readApiService(send, nativeApiService);
  if (found.served === "aggregated") {
    await removeApiService(send, nativeApiService, found.uid, { timeoutMs: WRITE_TIMEOUT_MS });
  }
  if (isHeldAgain) return "the operator, which somebody has started again, is stopped once more";
  // On the way back nothing is left to be seen of a definition that somebody has deleted.
  const isBlind = context.run.track === "rollback" && (await isUndefined(context, PROBED));
  return whyNotServedLocally(send, nativeApiService, isBlind ? [] : [await probe(context)]);
}

/** Puts the aggregated APIService back that this run has removed, and says how it is then; undefined where it found none. */
export async function restoreFound(context: Context): Promise<ApiServiceState | undefined> {
  const saved = await removedApiService(context);
  if (saved === undefined) return undefined;
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  return restoreApiService(sendFor(context), saved, options);
}

/** The write of `restoreFound`, as a dry run; none where no APIService was found. */
export async function restoreFoundRehearsal(context: Context): Promise<Rehearsal[]> {
  const saved = await removedApiService(context);
  if (saved === undefined) return [];
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS, dryRun: true };
  return [
    {
      what: `put APIService ${nativeApiService.name} back`,
      try: (api) => restoreApiService((request) => request(api), saved, options),
    },
  ];
}

/** ClusterInformation is in both groups from the lock on, under UIDs that are known. */
async function probe(context: Context): Promise<ServedProbe> {
  const { old, native } = await lockedUids(context);
  const aggregated = old === undefined ? undefined : (convertUid(old) ?? old);
  return {
    apiVersion: "projectcalico.org/v3",
    plural: PROBED,
    shows: native === undefined ? [] : [native],
    hides: aggregated === undefined ? [] : [aggregated],
  };
}
