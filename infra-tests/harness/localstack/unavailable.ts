import { MigratorError } from "../../../shared/errors.ts";

/** The LocalStack release that the tests are made for; later ones want an account. */
export const LOCALSTACK_VERSION = "4.14.0";

/** The one error for "no AWS to test against can be had here": it lists every way to get one. */
export function awsEmulatorUnavailable(reason: string): MigratorError {
  return new MigratorError("TEST_AWS_UNAVAILABLE", `No AWS to test against can be had here: ${reason}.`, {
    next:
      `Do one of these: set AWS_ENDPOINT_URL to a running LocalStack ${LOCALSTACK_VERSION}; start Docker; ` +
      `or install Python 3.12 or 3.13 with its venv module, java 17 or newer, and mvn, ` +
      `so that LocalStack can be installed without Docker.`,
  });
}

/** The error for an installation whose tool failed; `output` is what the tool printed. */
export function installFailed(tool: string, output: string): MigratorError {
  const tail = output.trim().split("\n").slice(-20).join("\n");
  return new MigratorError("TEST_AWS_INSTALL_FAILED", `${tool} failed:\n${tail}`, {
    next: `Read the message of ${tool}; without network or with a full disk, mend that and run the command again.`,
    details: { tool },
  });
}
