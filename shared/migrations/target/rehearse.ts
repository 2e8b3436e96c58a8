import { errorMessage, isRetryable, MigratorError } from "../../errors.ts";
import { isKubernetesError, KubernetesApiError } from "../../kubernetes/errors.ts";
import type { KubernetesApi, Send } from "../../kubernetes/types.ts";

/** A write that a later stage makes, as a dry run: everybody is asked who is asked for the write, and nothing is written. */
export interface Rehearsal {
  /** What is written, as an imperative phrase: `patch daemonsets/calico-node in kube-system`. */
  what: string;
  try: (api: KubernetesApi) => Promise<unknown>;
}

/** What rehearsing gave. */
export interface Rehearsed {
  asked: number;
  /** The writes that would be refused, each with what the server says; it names the policy or webhook that refuses. */
  refused: string[];
  /** Those that cannot be tried without being made. */
  untried: string[];
}

const NAMED = 5;

/** How the datastore that Calico uses is left where the late way back would be refused, see `rehearseBeforeLock`. */
export const STAYS_IN_SERVICE = "the datastore in use is not locked, and goes on working";

/** Tries writes by dry runs, all of them, and tells each that would be refused. Throws what may pass, to be tried again. */
export async function rehearse(send: Send, rehearsals: readonly Rehearsal[]): Promise<Rehearsed> {
  const refused: string[] = [];
  const untried: string[] = [];
  for (const { what, try: attempt } of rehearsals) {
    try {
      await send(attempt);
    } catch (error) {
      if (isMoot(error)) continue;
      if (!(error instanceof KubernetesApiError) || isRetryable(error)) throw error;
      const list = isUntriable(error) ? untried : refused;
      list.push(`${what}: ${errorMessage(error)}`);
    }
  }
  return { asked: rehearsals.length, refused, untried };
}

/**
 * As `rehearse`, right before the lock. Throws REHEARSAL_FAILED where a write of later would be refused.
 *
 * @param state - how the datastore that Calico uses is left then
 */
export async function rehearseBeforeLock(
  send: Send,
  rehearsals: readonly Rehearsal[],
  state = "nothing is locked",
): Promise<void> {
  const { refused } = await rehearse(send, rehearsals);
  if (refused.length === 0) return;
  const more = refused.length > NAMED ? `; and ${refused.length - NAMED} more` : "";
  throw new MigratorError(
    "REHEARSAL_FAILED",
    `${state}, as a write that is made after the lock would be refused: ${refused.slice(0, NAMED).join("; ")}${more}`,
    {
      next: "Let the policy, webhook or role that is named allow the migration's user this write until the run has ended, then `resume`: the rehearsal is repeated before the lock.",
      details: { refused },
    },
  );
}

/** True where a webhook that is asked for the write cannot be asked without it. (kubernetes, admission/plugin/webhook) */
export function isUntriable(error: KubernetesApiError): boolean {
  return error.message.includes("does not support dry run");
}

/** What is gone needs no write; and whoever writes at the same moment is dealt with by the write itself. */
function isMoot(error: unknown): boolean {
  return ["KUBERNETES_NOT_FOUND", "KUBERNETES_CONFLICT", "KUBERNETES_ALREADY_EXISTS"].some((code) =>
    isKubernetesError(error, code),
  );
}
