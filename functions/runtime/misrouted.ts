import { MigratorError } from "../../shared/errors.ts";

/** A command came to a queue that is not its own. */
export function misrouted(command: string): MigratorError {
  return new MigratorError(
    "MESSAGE_MISROUTED",
    `the command ${command} came to a queue that is not its own`,
    {
      next: "Put the rules of the event bus back as the stack has them, with `cdk deploy --revert-drift`.",
    },
  );
}
