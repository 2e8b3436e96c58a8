import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Document, parse } from "yaml";
import { z } from "zod";
import type { Conflict } from "../../../shared/engine/conflicts.ts";
import type { Resolution, ResolutionRequest, ResolutionUse } from "../../../shared/engine/records.ts";
import { resolutionOf } from "../../../shared/engine/resolutions.ts";
import { errorMessage, MigratorError } from "../../../shared/errors.ts";
import { API_VERSION } from "../../documents.ts";
import type { World } from "../../world.ts";

/** Which side counts, as people write it. */
export const USES = ["source", "target", "skip"] as const satisfies readonly ResolutionUse[];

const KIND = "ConflictList";
const MAX_BYTES = 16 * 1024 * 1024;

const HOW = ` Set \`use\` of each conflict to source, target or skip, and leave it null where you have not decided:
   source  the object is replaced by what the source has; a rollback puts it back
   target  the object stays as it is
   skip    the resource is left out of the migration, and named in the report; the object that is there stays, and acts
 Then: calico-migrator conflicts resolve RUN --file FILE
 A decision holds as long as both sides are as they were when this was written (\`seen\`).`;

const Reviewed = z.object({
  kind: z.literal(KIND),
  run: z.string(),
  conflicts: z.array(
    z.object({ key: z.string().min(1), use: z.enum(USES).nullish(), seen: z.string().min(1) }),
  ),
});

/** What a file under review holds of a conflict. */
type Entry = Conflict & { use: ResolutionUse | null };

/** The conflicts of a run as a document that can be edited and given back. */
interface ReviewDocument {
  apiVersion: string;
  kind: typeof KIND;
  run: string;
  conflicts: Entry[];
}

/** Writes conflicts down for a review, with what was decided before. */
export function reviewDocument(
  run: string,
  conflicts: readonly Conflict[],
  resolutions: readonly Resolution[] | undefined,
): ReviewDocument {
  const entries = conflicts.map((conflict) => {
    const { key, ...said } = conflict;
    return { key, use: resolutionOf(resolutions, conflict)?.use ?? null, ...said };
  });
  return { apiVersion: API_VERSION, kind: KIND, run, conflicts: entries };
}

/** The document as a file that says how it is edited. */
export function reviewText(document: ReviewDocument): string {
  const yaml = new Document(document);
  yaml.commentBefore = HOW;
  return yaml.toString();
}

/**
 * Reads what was decided in a reviewed file, and how many are left open. Throws CONFLICTS_FILE_INVALID, naming the field,
 * also for the file of another run.
 */
export function readReview(
  { cwd }: Pick<World, "cwd">,
  file: string,
  runId: string,
): { requests: Extract<ResolutionRequest, { key: string }>[]; open: number } {
  const parsed = Reviewed.safeParse(readYaml(resolve(cwd, file), file));
  if (!parsed.success) throw invalid(file, fieldsOf(parsed.error));
  const { run, conflicts } = parsed.data;
  if (run !== runId) throw invalid(file, `it lists the conflicts of run "${run}", not of "${runId}"`);
  const byKey = new Map(conflicts.map((one) => [one.key, one]));
  const twice = conflicts.find((one) => byKey.get(one.key) !== one);
  if (twice !== undefined) throw invalid(file, `it has "${twice.key}" twice`);
  const requests = conflicts.flatMap(({ key, use, seen }) => (use ? [{ key, use, seen }] : []));
  return { requests, open: conflicts.length - requests.length };
}

function readYaml(path: string, file: string): unknown {
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > MAX_BYTES) throw new Error("it is larger than 16 MB");
    return parse(text);
  } catch (error) {
    throw invalid(file, errorMessage(error).split("\n")[0] ?? "");
  }
}

function fieldsOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 3)
    .map(({ path, message }) => `${path.map(String).join(".")}: ${message}`)
    .join("; ");
}

function invalid(file: string, why: string): MigratorError {
  return new MigratorError("CONFLICTS_FILE_INVALID", `the reviewed file "${file}" cannot be used: ${why}`, {
    next: "Write it anew with `calico-migrator conflicts RUN --output yaml`, and change nothing but `use`.",
  });
}
