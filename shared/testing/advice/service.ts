import type { Followed } from "./errors.ts";

const COMMANDS = "events/commands.test.ts";
const ROLLBACKS = "functions/rollback/handler.test.ts";

/** Errors of the functions, of what is sent to them, and of the stack. */
export const SERVICE: Followed = {
  "cdk/props.ts CONFIG_INVALID": ["cdk/props.test.ts", "is taken once the named fields are corrected"],
  "events/commands.ts COMMAND_TOO_LARGE": [COMMANDS, "may be as large as the bus takes, and no larger"],
  "events/commands.ts COMMAND_UNKNOWN": [
    COMMANDS,
    "that there is not is refused, with those that there are, which are known",
  ],
  "events/invalid.ts MESSAGE_INVALID": [COMMANDS, "is right as the schemas and examples have it"],
  "events/invalid.ts MESSAGE_VERSION_UNKNOWN": [
    COMMANDS,
    "of another version is refused, with the one that is understood, which is taken",
  ],
  "functions/rollback/handler.ts NOTHING_TO_UNDO": [
    ROLLBACKS,
    "and is done with the message; a run that is named is taken back",
  ],
  "functions/rollback/handler.ts ROLLBACK_TOO_LATE": [
    ROLLBACKS,
    "takes no run that ended too long before, for a cluster; by its name it does",
  ],
  "functions/runtime/environment.ts ENVIRONMENT_INVALID": [
    "functions/runtime/environment.test.ts",
    "is read once it is put back as the stack has it",
  ],
  "functions/runtime/misrouted.ts MESSAGE_MISROUTED": [ROLLBACKS, "once the bus' rules send it here"],
  "functions/runtime/queue-handler.ts COMMAND_EXPIRED": [
    "functions/runtime/asked.test.ts",
    "is refused once it has expired, and taken until then",
  ],
};
