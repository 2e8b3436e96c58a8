import { shownThings } from "../../shared/engine/approvals.ts";
import { canonicalJson, type Json } from "../../shared/json.ts";
import type { Check, Preview, Problem } from "./preview.ts";

/** What a plan showed of the cluster, each by its name, in words that differ as soon as it does. */
export type Facts = Readonly<Record<string, string>>;

/**
 * What Calico writes by itself as pods and nodes come and go. How many there are is no decision of anybody: a run copies those that
 * there are then.
 */
const COME_AND_GO: ReadonlySet<string> = new Set([
  "BlockAffinity",
  "CalicoNodeStatus",
  "IPAMBlock",
  "IPAMHandle",
  "Node",
  "Profile",
  "WorkloadEndpoint",
]);

/** The facts that were found, as a later look is compared with them. */
export function factsOf({ checks, byKind, findings, asks, uncarried }: Preview): Facts {
  const counts = Object.entries(byKind).filter(([kind]) => !COME_AND_GO.has(kind));
  return Object.fromEntries([
    ...checks.map((check) => [`check ${check.id}`, verdict(check)] as const),
    ...Object.entries(findings).map(([name, value]) => [`found ${name}`, valueText(value)] as const),
    ...counts.map(([kind, count]) => [`resources ${kind}`, String(count)] as const),
    ...asks.map(
      ({ stage, subject, ...ask }) => [`approval of ${subject} before ${stage}`, askText(ask)] as const,
    ),
    ...(uncarried.length === 0 ? [] : [["not carried", problemsText(uncarried)] as const]),
  ]);
}

/**
 * One line for each fact that is no longer what it was, with both; first the checks that fail. Where these have ended the look before
 * all was looked at, nothing is said of the rest: it is not known.
 */
export function changesBetween(planned: Facts, now: Facts): string[] {
  const names = [...new Set([...Object.keys(planned), ...Object.keys(now)])].sort();
  const isCutShort = names.some((name) => isCheck(name) && now[name] === undefined);
  const changed = names.filter(
    (name) => planned[name] !== now[name] && !(isCutShort && now[name] === undefined),
  );
  const failing = changed.filter((name) => isCheck(name) && !HOLDS.has(now[name] ?? ""));
  return [...failing, ...changed.filter((name) => !failing.includes(name))].map(
    (name) => `${name}: planned ${planned[name] ?? "nothing"}, now ${now[name] ?? "nothing"}`,
  );
}

/** The verdicts of checks that do not fail. */
const HOLDS: ReadonlySet<string> = new Set(["pass", "not-applicable", "unknown"]);

function isCheck(name: string): boolean {
  return name.startsWith("check ");
}

/** What a check that holds counts may change all the time. */
function verdict({ status, message, items = [], count = items.length }: Check): string {
  if (status !== "fail") return status;
  return `${message} (${shownThings(message, [...items, count]).fingerprint})`;
}

function askText({ message, fingerprint }: { message: string; fingerprint: string }): string {
  return `${message} (${fingerprint})`;
}

function problemsText(problems: readonly Problem[]): string {
  const things = problems.map(({ key, reason }) => ({ key, reason }));
  return `${things.length} (${shownThings("", things).fingerprint})`;
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : canonicalJson(value as Json);
}
