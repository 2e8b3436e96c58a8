import type { ServerRules } from "../../shared/kubernetes/stored-kubeconfig-server.ts";
import type { World } from "../world.ts";

/** Which servers may be stored: as functions have it, none on this machine, except for tests that run everything here. */
export function serverRules({ env }: Pick<World, "env">): ServerRules {
  return { allowLoopback: env["ALLOW_LOOPBACK_SERVERS"] === "true" };
}
