import { apiServiceState, nativeApiService } from "../../../kubernetes/api-services.ts";
import { readTarget } from "../../target/calls.ts";
import { decided } from "./decided.ts";
import type { Context } from "./options.ts";

/** True where the backup is of a cluster whose aggregated API server served the native group, and it does not now. */
export async function servesAgain(context: Context): Promise<boolean> {
  if ((await decided(context)).pieces.apiService === undefined) return false;
  return apiServiceState(await readTarget(context, nativeApiService)).served !== "aggregated";
}
