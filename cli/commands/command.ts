import type { Command } from "commander";
import type { FaultList } from "../faults.ts";
import type { World } from "../world.ts";

/** One use of a command. */
export interface Invocation {
  world: World;
  /** The arguments, as commander has parsed them. */
  args: readonly unknown[];
  /** The options, as commander has parsed them. */
  flags: unknown;
  /** The whole program, for commands about the program itself. */
  program: Command;
}

/** A command of the program: how it is called, and what it does; the answer is the exit code. */
export interface CommandEntry {
  command: Command;
  handle: (invocation: Invocation) => Promise<number>;
  /** Looks for all that can be known to be wrong before anything is opened: it is told at once, and nothing is handled then. */
  check?: (invocation: Invocation, faults: FaultList) => Promise<void>;
  /** Its subcommands. */
  children?: readonly CommandEntry[];
  /** The exit code for failures that have none of their own, where 1 means something else. */
  failureCode?: number;
}
