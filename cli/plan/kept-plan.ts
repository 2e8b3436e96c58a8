import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { z } from "zod";
import type { ArtifactStore } from "../../shared/engine/ports.ts";
import { MigratorError } from "../../shared/errors.ts";
import { canonicalJson } from "../../shared/json.ts";
import { ClusterConnection } from "../connections.ts";
import { timestamp } from "../output/durations.ts";

/** Where plans are among artifacts. */
const PLANS = "plans/";
const DAY_MS = 86_400_000;
/** How long a plan can be started. Whatever it is later, somebody should look anew. */
const VALID_DAYS = 7;
/** How many digits of a hash people see and type; fewer may name it too. */
const DIGITS = 12;
const HASH = /^[0-9a-f]{8,64}$/;

/** What exactly was planned; its hash is the plan's name. */
export const PlanContent = z.object({
  /** Of this program. */
  version: z.string(),
  migration: z.string(),
  /** The stages that the migration had. */
  stages: z.array(z.string()),
  cluster: z.object({ name: z.string(), connection: ClusterConnection }),
  /** As `start` takes them, with the manifests as they were kept. */
  options: z.record(z.string(), z.json()),
  /** What these manifests were read from, by the name of the option. */
  sources: z.record(z.string(), z.string()),
  /** What the plan showed of the cluster. */
  facts: z.record(z.string(), z.string()),
  /** What each approval would cover, by its subject. */
  fingerprints: z.record(z.string(), z.string()),
});
export type PlanContent = z.infer<typeof PlanContent>;

const KeptPlan = z.object({ kind: z.literal("KeptPlan"), plannedAt: z.number(), plan: PlanContent });

/** A plan that was found. */
export interface FoundPlan {
  hash: string;
  plan: PlanContent;
}

/** Keeps a plan, and gives the hash by which it is found again. The same plan made again counts from now. */
export async function keepPlan(artifacts: ArtifactStore, plan: PlanContent, now: number): Promise<string> {
  const parsed = PlanContent.parse(plan);
  const hash = hashOf(parsed);
  const kept = { kind: "KeptPlan", plannedAt: now, plan: parsed };
  await artifacts.write(`${PLANS}${hash}.json`, [Buffer.from(JSON.stringify(kept))]);
  return hash.slice(0, DIGITS);
}

/** A store that can let artifacts go by itself. On AWS a rule of the bucket does that. */
interface Expiring {
  expire(prefix: string, before: number): Promise<void>;
}

/** Lets the plans go that cannot be started any more. Their manifests stay: they are named by their content, and runs have the same. */
export function removeExpired(artifacts: Expiring, now: number): Promise<void> {
  return artifacts.expire(PLANS, now - VALID_DAYS * DAY_MS);
}

/** The plan with this hash, or the only one whose hash begins so. Throws PLAN_UNKNOWN, PLAN_AMBIGUOUS, PLAN_EXPIRED, PLAN_OUTDATED. */
export async function findPlan(artifacts: ArtifactStore, asked: string, now: number): Promise<FoundPlan> {
  const hash = asked.trim().toLowerCase();
  const [found, another] = HASH.test(hash) ? await artifacts.list(`${PLANS}${hash}`) : [];
  if (found === undefined) throw unknown(asked);
  if (another !== undefined) throw ambiguous(asked);
  const text = (await buffer(artifacts.read(found.name))).toString("utf8");
  const kept = KeptPlan.safeParse(JSON.parse(text));
  if (!kept.success) throw outdated(hash, ["it was made by another version of this program"]);
  const { plan, plannedAt } = kept.data;
  // Others may be able to write where plans are: what runs is what has this hash.
  if (found.name !== `${PLANS}${hashOf(plan)}.json`)
    throw outdated(hash, ["what is kept under this hash has another one"]);
  if (now - plannedAt > VALID_DAYS * DAY_MS) throw expired(hash, plannedAt);
  return { hash: found.name.slice(PLANS.length, PLANS.length + DIGITS), plan };
}

function hashOf(plan: PlanContent): string {
  return createHash("sha256").update(canonicalJson(plan)).digest("hex");
}

/** PLAN_OUTDATED: these things are no longer as they were planned. */
export function outdated(hash: string, changes: readonly string[]): MigratorError {
  return new MigratorError("PLAN_OUTDATED", `plan ${hash} is outdated: ${changes.join("; ")}`, {
    next: "Run `calico-migrator plan` again with the options that you want, look at it, and start the hash that it prints.",
    details: { changes },
  });
}

function unknown(asked: string): MigratorError {
  return new MigratorError("PLAN_UNKNOWN", `there is no plan "${asked}" here`, {
    next: `Give the hash that \`calico-migrator plan\` prints last, of 8 digits at least; or name the store with --store where the plan was made, or the stack with --aws. A plan is deleted after ${VALID_DAYS} days: plan again then.`,
  });
}

function ambiguous(asked: string): MigratorError {
  return new MigratorError("PLAN_AMBIGUOUS", `the hashes of several plans begin with "${asked}"`, {
    next: `Give all ${DIGITS} digits that \`calico-migrator plan\` printed.`,
  });
}

function expired(hash: string, plannedAt: number): MigratorError {
  const message = `plan ${hash} is of ${timestamp(plannedAt)}: a plan can be started for ${VALID_DAYS} days`;
  return new MigratorError("PLAN_EXPIRED", message, {
    next: "Run `calico-migrator plan` again, look at it, and start the hash that it prints.",
  });
}
