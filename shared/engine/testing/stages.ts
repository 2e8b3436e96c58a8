import type { JsonObject } from "../../json.ts";
import { MigratorError } from "../../errors.ts";
import type { Action, Gate, Migration, Stage, StageOutcome, StageTraits, Sweep } from "../migration.ts";
import { defineMigration } from "../migration.ts";

type Traits<C> = Omit<Partial<StageTraits<C, JsonObject>>, "name">;

/** What a test's stage finds: its calls are told from those of others by `name`. */
export const DONE: StageOutcome = { done: true };

/** A migration of these stages, which takes any options. */
export function migrationOf<C>(
  stages: readonly Stage<C, JsonObject>[],
  afterUndo: readonly Stage<C, JsonObject>[] = [],
  beforeUndo: readonly Stage<C, JsonObject>[] = [],
): Migration<C> {
  const safeParse = (options: unknown) => ({ success: true as const, data: options as JsonObject });
  return defineMigration({
    name: "test",
    title: "Test",
    options: { safeParse },
    stages,
    afterUndo,
    beforeUndo,
  });
}

/** A gate that asks `check`. */
export function gate<C>(
  name: string,
  check: Gate<C, JsonObject>["check"],
  over: Traits<C> & Pick<Gate<C, JsonObject>, "deadlineMs"> = {},
): Gate<C, JsonObject> {
  return { kind: "gate", name, title: `Wait for ${name}`, check, ...over };
}

/** An action that calls `act`, or does nothing. */
export function action<C>(
  name: string,
  act: Action<C, JsonObject>["act"] = () => Promise.resolve(DONE),
  over: Traits<C> = {},
): Action<C, JsonObject> {
  return { kind: "action", name, title: `Do ${name}`, act, ...over };
}

/** A sweep of `batches` batches of one resource each, planned in one step. */
export function sweepOf<C>(
  name: string,
  batches: number,
  work: Sweep<C, JsonObject>["work"],
  over: Traits<C> = {},
): Sweep<C, JsonObject> {
  const scopes = Array.from({ length: batches }, (_, index) => ({ scope: { index }, size: 1 }));
  const plan = () => Promise.resolve({ batches: scopes, done: true });
  return { kind: "sweep", name, title: `Sweep ${name}`, plan, work, ...over };
}

/** An outcome that asks to be looked at again. */
export function waitFor(message: string, retryAfterMs = 1_000): StageOutcome {
  return { wait: { reason: "Gate", message, retryAfterMs } };
}

/** An error that trying again may cure, or not. */
export function failure(code: string, retryable: boolean): MigratorError {
  return new MigratorError(code, `${code} happened`, { next: "Mend it.", retryable });
}
