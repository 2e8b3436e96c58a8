/** What the process answers to whoever started it. Stable: documented in docs/cli.md. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  preflightFailed: 3,
  actionNeeded: 4,
  timeout: 5,
  partlyDone: 7,
  interrupted: 130,
} as const;

const BY_CODE: Readonly<Record<string, number>> = {
  USAGE: EXIT.usage,
  MIGRATION_UNKNOWN: EXIT.usage,
  STAGE_UNKNOWN: EXIT.usage,
  SUBJECT_UNKNOWN: EXIT.usage,
  OPTIONS_INVALID: EXIT.usage,
  ETCD_CONFIG_INVALID: EXIT.usage,
  PREFLIGHT_FAILED: EXIT.preflightFailed,
  NOTHING_TO_MIGRATE: EXIT.preflightFailed,
  GATE_DEADLINE: EXIT.timeout,
  WATCH_TIMEOUT: EXIT.timeout,
  NOT_ON_AWS: EXIT.usage,
  CONFIG_INVALID: EXIT.usage,
  PROFILE_UNKNOWN: EXIT.usage,
  COPY_FAILED: EXIT.partlyDone,
  CONFIRMATION_NEEDED: EXIT.actionNeeded,
  PLAN_UNKNOWN: EXIT.usage,
  PLAN_AMBIGUOUS: EXIT.usage,
  PLAN_OUTDATED: EXIT.actionNeeded,
  PLAN_EXPIRED: EXIT.actionNeeded,
  INTERRUPTED: EXIT.interrupted,
};

/** The exit code for a failure with this stable code. */
export function exitCodeOf(code: string): number {
  return BY_CODE[code] ?? EXIT.error;
}
