import type { Command } from "../../events/commands.ts";
import type { Engine } from "../../shared/engine/engine.ts";
import { carryOutRollbackCommand, type OfCluster } from "../rollback/handler.ts";
import { carryOutRunCommand } from "./handler.ts";

/** Carries out any command. Throws what the engine throws, and what the commands that undo throw. */
export function carryOutCommand<C>(command: Command, engine: Engine<C>, of: OfCluster): Promise<void> {
  const { type } = command;
  return type === "AbortRequested" || type === "RollbackRequested"
    ? carryOutRollbackCommand(command, engine, of)
    : carryOutRunCommand(command, engine);
}
