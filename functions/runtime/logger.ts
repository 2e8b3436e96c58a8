import { Logger } from "@aws-lambda-powertools/logger";
import type { Facts, Log } from "./ports.ts";
import type { Redaction } from "./redaction.ts";

/**
 * The logger of a function: JSON lines of POWERTOOLS_LOG_LEVEL and above, without what `redaction` takes out. Lambda's own filter has to
 * let INFO through, as it takes metrics for that; the logger would follow it rather than its own level.
 */
export function createLogger(redaction: Redaction): Logger {
  delete process.env["AWS_LAMBDA_LOG_LEVEL"];
  return new Logger({ jsonReplacerFn: (key, value) => redaction.member(key, value) });
}

/** Log lines by a powertools logger. */
export function logBy(logger: Logger): Log {
  return {
    info: (message: string, facts: Facts = {}) => {
      logger.info(message, facts);
    },
    warn: (message: string, facts: Facts = {}) => {
      logger.warn(message, facts);
    },
    error: (message: string, facts: Facts = {}) => {
      logger.error(message, facts);
    },
    appendKeys: (facts: Facts) => {
      logger.appendKeys(facts);
    },
    resetKeys: () => {
      logger.resetKeys();
    },
  };
}
