import type { JsonObject } from "../../json.ts";

/** Called around every write of a fake; a hook that throws makes the write fail before, or its answer get lost after. */
export interface WriteHooks {
  /** `write` names it: `put /calico/…`, `create networkpolicies/shop/web`. */
  before?: ((write: string) => void) | undefined;
  after?: ((write: string) => void) | undefined;
  /** Instead of a write that is only to be judged: what it throws is the verdict, what it gives the object as it would be. */
  dryRun?: ((write: string, object: JsonObject) => JsonObject) | undefined;
}

/** Makes a write with the hooks around it. */
export function hooked<T>(hooks: WriteHooks, write: string, act: () => T): Promise<T> {
  return new Promise((resolve) => {
    hooks.before?.(write);
    const result = act();
    hooks.after?.(write);
    resolve(result);
  });
}
