import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { z } from "zod";
import { duration } from "./output/durations.ts";
import { table } from "./output/table.ts";
import type { Session } from "./session.ts";

/** What of a migration's report is shown; the file holds all of it. */
const Report = z.looseObject({
  moved: z.object({ total: z.int(), byKind: z.record(z.string(), z.int()) }).optional(),
  lock: z
    .object({
      windowMs: z.number(),
      rolloutMs: z.number(),
      lockedMs: z.number(),
      forPersonMs: z.number(),
      forRolloutMs: z.number(),
    })
    .partial()
    .optional(),
  verification: z.record(z.string(), z.string()).optional(),
  uncarried: z.array(z.looseObject({})).optional(),
  next: z.array(z.string()).optional(),
});
type Report = z.infer<typeof Report>;

/** A run's report, and the file that it was written to. */
export interface ExportedReport {
  file: string;
  content: Report;
}

/** Writes a run's report beside the store, where people find it; undefined when the run has none. */
export async function exportReport(session: Session, runId: string): Promise<ExportedReport | undefined> {
  const name = `runs/${runId}/report.json`;
  const { artifacts } = session;
  if ((await artifacts.find(name)) === undefined) return undefined;
  const bytes = await buffer(Readable.from(artifacts.read(name)));
  const file = join(session.reports, `${runId}.json`);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.part`, bytes, { mode: 0o600 });
  await rename(`${file}.part`, file);
  return { file, content: Report.parse(JSON.parse(bytes.toString("utf8"))) };
}

/** The report for people. */
export function reportText({ file, content }: ExportedReport): string {
  const { moved, lock, verification, uncarried = [], next = [] } = content;
  const lines = [
    lock === undefined ? [] : lockText(lock),
    verification === undefined ? [] : [`verified: ${verificationText(verification)}`],
    uncarried.length === 0 ? [] : [`not carried: ${uncarried.length}, by name in the report`],
    [`report: ${file}`],
    next.map((step) => `then: ${step}`),
  ].flat();
  return `${movedText(moved)}${lines.join("\n")}\n`;
}

function movedText(moved: Report["moved"]): string {
  if (moved === undefined) return "";
  const rows = Object.entries(moved.byKind).sort(([, a], [, b]) => b - a);
  const counted = rows.map(([kind, count]) => [kind, String(count)]);
  return `${table(["KIND", "MOVED"], [...counted, ["total", String(moved.total)]])}\n`;
}

function lockText({ lockedMs, forPersonMs, forRolloutMs, ...before }: NonNullable<Report["lock"]>): string[] {
  if (lockedMs === undefined) return oldLockText(before);
  const parts = [
    [forPersonMs, "waiting for a person"],
    [forRolloutMs, "for the rollout"],
  ] as const;
  const told = parts.flatMap(([ms = 0, what]) => (ms === 0 ? [] : [`${duration(ms)} ${what}`]));
  return [
    `datastore locked: ${duration(lockedMs)} in all${told.length === 0 ? "" : `, of it ${told.join(", ")}`}`,
  ];
}

/** Reports of versions that told less. */
function oldLockText({
  windowMs,
  rolloutMs,
}: {
  windowMs?: number | undefined;
  rolloutMs?: number | undefined;
}): string[] {
  if (windowMs === undefined) return [];
  const rollout = rolloutMs === undefined ? "" : `, and ${duration(rolloutMs)} for the rollout`;
  return [`datastore locked: ${duration(windowMs)}${rollout}`];
}

function verificationText(verification: Readonly<Record<string, string>>): string {
  return Object.entries(verification)
    .map(([stage, state]) => `${stage} ${state}`)
    .join(", ");
}
