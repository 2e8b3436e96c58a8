import type { Ask } from "../../shared/engine/asks.ts";
import type { Migration } from "../../shared/engine/migration.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { API_VERSION } from "../documents.ts";
import { duration } from "../output/durations.ts";
import { oneLine } from "../output/escape.ts";
import type { Paint } from "../output/paint.ts";
import { table } from "../output/table.ts";
import type { Check, Preview, Problem } from "./preview.ts";

/** How many resources a second a kube-apiserver usually takes; for the estimate only. */
const USUAL_RATE = 650;

/** Whom a plan is for. */
export interface PlanSubject {
  migration: Migration<ClusterConnections>;
  cluster: string;
  /** Its hash, and the command line that starts exactly this; undefined for what was not kept. */
  kept?: { hash: string; start: string } | undefined;
}

/** The checks as a table, with what to do about those that failed. */
export function checksText(checks: readonly Check[], paint: Paint): string {
  const rows = checks.map((check) => [statusText(check, paint), check.id, check.message]);
  const failed = checks.filter(({ status }) => status === "fail");
  return `${table(["RESULT", "CHECK", "FOUND"], rows)}${failed.map(failureText).join("")}`;
}

/** The checks as a document. */
export function checksDocument(preview: Preview, { migration, cluster }: PlanSubject): object {
  const { passed, checks } = preview;
  return {
    apiVersion: API_VERSION,
    kind: "PreflightReport",
    migration: migration.name,
    cluster,
    passed,
    checks,
  };
}

/** A plan for people: checks, counts, what cannot be carried, and the stages. */
export function planText(preview: Preview, subject: PlanSubject, paint: Paint): string {
  const { checks, byKind, findings, asks, uncarried, blockers } = preview;
  const heading = `${paint("strong", subject.migration.name)} on ${subject.cluster}: ${subject.migration.title}`;
  return [
    `${heading}\n`,
    checksText(checks, paint),
    findingsText(findings),
    countsText(byKind),
    problemsText("cannot be carried", uncarried),
    problemsText("broken, to be mended first", blockers),
    asksText(asks),
    stagesText(subject.migration),
    subject.kept === undefined ? "" : `to start exactly this: ${subject.kept.start}\n`,
  ]
    .filter((part) => part !== "")
    .join("\n");
}

/** A plan as a document. */
export function planDocument(preview: Preview, { migration, cluster, kept }: PlanSubject): object {
  const { passed, checks, byKind, consents, findings, asks, uncarried, blockers } = preview;
  return {
    apiVersion: API_VERSION,
    kind: "Plan",
    migration: migration.name,
    cluster,
    passed,
    ...(kept === undefined ? {} : { hash: kept.hash }),
    checks,
    resources: { total: total(byKind), byKind },
    estimatedCopySeconds: Math.ceil(total(byKind) / USUAL_RATE),
    consents,
    findings,
    asks,
    uncarried,
    blockers,
    stages: migration.stages.map((stage) => ({
      name: stage.name,
      title: stage.title,
      changesCluster: stage.changesCluster === true,
      // What cannot be undone at all is one as well.
      pointOfNoReturn: stage.pointOfNoReturn === true || stage.irreversible === true,
      irreversible: stage.irreversible === true,
      lockWindow: stage.lockWindow,
      undo: (stage.undo ?? []).map(({ name, title }) => ({ name, title })),
    })),
  };
}

function statusText({ status, severity }: Check, paint: Paint): string {
  if (status === "pass") return paint("good", "pass");
  if (status !== "fail") return paint("faint", status);
  if (severity === "blocking") return paint("bad", "FAIL");
  return paint("attention", severity);
}

function failureText({ id, items = [], count, fix }: Check): string {
  const more = (count ?? items.length) - items.length;
  const named = items.map((item) => `    ${oneLine(item)}\n`).join("");
  return `\n${id}: ${fix}\n${named}${more > 0 ? `    and ${more} more\n` : ""}`;
}

/** What is one word; programs get all of it. */
function findingsText(findings: Preview["findings"]): string {
  const rows = Object.entries(findings).flatMap(([name, value]) =>
    typeof value === "string" ? [`${name} ${value}`] : [],
  );
  return rows.length === 0 ? "" : `found: ${rows.join(", ")}\n`;
}

function countsText(byKind: Readonly<Record<string, number>>): string {
  const all = total(byKind);
  if (all === 0) return "";
  const rows = Object.entries(byKind)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => [kind, String(count)]);
  const time = duration((all / USUAL_RATE) * 1000);
  return `${table(["KIND", "RESOURCES"], [...rows, ["total", String(all)]])}copying takes about ${time}, at ${USUAL_RATE} resources a second\n`;
}

function total(byKind: Readonly<Record<string, number>>): number {
  return Object.values(byKind).reduce((sum, count) => sum + count, 0);
}

function problemsText(title: string, problems: readonly Problem[]): string {
  if (problems.length === 0) return "";
  return `${title}:\n${problems.map(({ key, reason }) => `  ${oneLine(`${key}: ${reason}`)}\n`).join("")}`;
}

/** As `start --approve` takes it: a stage by its name, what was found with its fingerprint. */
function asksText(asks: readonly Ask[]): string {
  if (asks.length === 0) return "";
  const rows = asks.map(({ stage, subject, count, fingerprint, message }) => [
    count === undefined ? subject : `${subject}@${fingerprint}`,
    stage,
    message,
  ]);
  return `to be approved, in advance with \`start --approve\` or when the run asks:\n${table(["APPROVAL", "BEFORE", "FOR"], rows)}`;
}

function stagesText(migration: Migration<ClusterConnections>): string {
  const rows = migration.stages.map((stage) => {
    const undo = (stage.undo ?? []).map(({ name }) => name).join(", ");
    return [stage.name, effect(stage), undo, stage.title];
  });
  return table(["STAGE", "EFFECT", "UNDONE BY", "WHAT IT DOES"], rows);
}

function effect(stage: Migration<ClusterConnections>["stages"][number]): string {
  if (stage.irreversible === true) return "IRREVERSIBLE, needs approval by name";
  if (stage.pointOfNoReturn === true) return "POINT OF NO RETURN, needs approval";
  if (stage.lockWindow === "begins") return "locks";
  if (stage.changesCluster === true) return "changes";
  return stage.kind === "gate" ? "waits" : "reads";
}
