import type { StageContext } from "../../engine/migration.ts";
import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { jsonLines } from "../artifact-lines.ts";
import type { CheckReport } from "./check.ts";

/** The artifact with the report of every check, a line each. */
export const PREFLIGHT_REPORT = "preflight.ndjson";

const NAMED = 5;

/** Records the reports in the stage's notes, as `checks`, and writes them as an artifact. */
export async function keepReports(
  context: Pick<StageContext<unknown, unknown>, "record" | "artifacts">,
  artifact: string,
  reports: readonly CheckReport[],
): Promise<void> {
  await context.record({ checks: reports as unknown as JsonObject[] });
  await context.artifacts.write(artifact, jsonLines(reports));
}

/** Throws PREFLIGHT_FAILED, or `code`, when a blocking check has failed; it names the first of them. */
export function refuse(reports: readonly CheckReport[], code = "PREFLIGHT_FAILED"): void {
  const failed = reports.filter(({ status, severity }) => status === "fail" && severity === "blocking");
  if (failed.length === 0) return;
  const named = failed.slice(0, NAMED).map(({ id, message }) => `${id}: ${message}`);
  const more = failed.length > NAMED ? `; and ${failed.length - NAMED} more` : "";
  throw new MigratorError(code, named.join("; ") + more, {
    next: failed[0]?.fix ?? "See `describe`.",
    details: { checks: failed.map(({ id }) => id) },
  });
}
