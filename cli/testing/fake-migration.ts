import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { shownThings } from "../../shared/engine/approvals.ts";
import {
  type Action,
  type ApprovalRule,
  defineMigration,
  type Migration,
  type Sweep,
} from "../../shared/engine/migration.ts";
import type { LeaveOutRule } from "../../shared/engine/leave-out.ts";
import { DEFAULT_LOCK_POLICY, type LockPolicy } from "../../shared/engine/lock.ts";
import type { JsonObject } from "../../shared/json.ts";
import { MigratorError } from "../../shared/errors.ts";
import type { ConflictDetail } from "../../shared/engine/conflicts.ts";
import type { Checkpoint, LockState } from "../../shared/engine/records.ts";
import { differencesLedger } from "../../shared/migrations/copying/verify-kinds.ts";
import { keepObjects } from "../../shared/migrations/kept-objects.ts";

/** How the fake migration behaves. */
export interface FakeOptions {
  /** Batches of its sweep, ten resources each. Default 3. */
  batches?: number;
  /** Of what kind the things are that preflight counts. Default Thing. */
  kind?: string;
  /** It takes whatever options it is given, and goes by none. Default false: it has none. */
  anyOptions?: boolean;
  /** How long a batch takes. Milliseconds. Default 0. */
  batchMs?: number;
  /** A batch does not stop when it is asked to. Default false. */
  stubborn?: boolean;
  /** The copy fails with FAKE_BROKEN until this file is there. */
  brokenUntil?: string;
  /** The copy fails with FAKE_BUSY, which may pass, until this file is there. */
  retriedUntil?: string;
  /** A check of its preflight that fails, and how severe that is. */
  failing?: "blocking" | "consent";
  /** The code that a blocking check fails with. Default PREFLIGHT_FAILED. */
  failingCode?: string;
  /** Its preflight fails with FAKE_UNREACHABLE whenever it is tried, which this is told of; trying again may help. */
  unreachable?: () => void;
  /** It fails with FAKE_LOCKED once it has locked. Default false. */
  failsLocked?: boolean;
  /** What it finds different once it has locked, before it fails. Default none. */
  differs?: readonly string[];
  /** What becomes of a lock that lasts too long or fails. */
  policy?: LockPolicy;
  /** Things that the target holds otherwise; each waits for a decision. Default none. */
  conflicts?: readonly string[];
  /** Of these conflicts those of which no side can count. Default none. */
  leaving?: readonly string[];
  /** How soon it looks at these again. Milliseconds. Default 0: only when a person has acted. */
  conflictPollMs?: number;
  /** Something would be lost, which has to be approved before the lock. Default false. */
  consents?: boolean;
  /** It ends with a stage that cannot be undone. Default false. */
  erases?: boolean;
  /** That stage fails with FAKE_HALF once it has begun, and nothing goes back any more. Default false. */
  failsErasing?: boolean;
  /** How many things its way back leaves in the target. Default none. */
  leaves?: number;
  /** A write of others that its way back leaves out of force, with its content kept. Default none. */
  drops?: JsonObject;
  /** Its runs can leave things out, as `Thing/NAME`. Default false. */
  leavesOut?: boolean;
  /** There is a migration `backup` as well, which leaves nothing to undo. Default false. */
  backups?: boolean;
}

const LEAVES_OUT: LeaveOutRule<unknown> = {
  before: "lock",
  example: "Thing/a",
  isName: (object) => object.startsWith("Thing/"),
  missing: (_cluster, objects) => Promise.resolve(objects.filter((object) => object === "Thing/none")),
};

type FakeStage = Action<unknown, JsonObject>;

const PER_BATCH = 10;

/** A backup of nothing. */
export function fakeBackup(): Migration<unknown> {
  const options = z.strictObject({});
  return defineMigration({ name: "backup", title: "back up nothing", options, stages: [action("backup")] });
}

const loss: ApprovalRule<unknown, JsonObject> = {
  subject: "uncarried",
  needed: () => Promise.resolve(shownThings("2 are lost: a, b", ["a", "b"])),
};

/** A migration of nothing: it has all that a command can meet, and finishes in no time. */
export function fakeMigration(options: FakeOptions = {}): Migration<unknown> {
  return defineMigration<unknown, JsonObject>({
    name: "fake",
    title: "move nothing anywhere",
    options: options.anyOptions === true ? z.record(z.string(), z.json()) : z.strictObject({}),
    ...(options.leavesOut === true ? { leaveOut: LEAVES_OUT } : {}),
    lockPolicy: () => options.policy ?? DEFAULT_LOCK_POLICY,
    stages: [
      preflight(options),
      { ...action("prepare"), changesCluster: true, undo: [unprepare(options)] },
      copy(options),
      ...(options.conflicts === undefined ? [] : [settle(options.conflicts, options)]),
      { ...lock(options), ...(options.consents === true ? { approvals: [loss] } : {}) },
      {
        ...tells("unlock", "unlocking", "unlocked"),
        ...{ pointOfNoReturn: true, lockWindow: "ends", undo: [action("carry-back")] },
      },
      ...(options.erases === true ? [erase(options)] : []),
      report,
    ],
  });
}

function erase({ failsErasing = false }: FakeOptions): FakeStage {
  return {
    kind: "action",
    name: "erase",
    title: "do erase",
    irreversible: true,
    beyondUndo: ({ begun }) => (begun === true ? "it has begun to erase" : undefined),
    act: async (context) => {
      await context.record({ begun: true });
      if (!failsErasing) return { done: true };
      throw new MigratorError("FAKE_HALF", "half is erased", { next: "Mend it." });
    },
  };
}

function action(name: string): FakeStage {
  return { kind: "action", name, title: `do ${name}`, act: () => Promise.resolve({ done: true }) };
}

function unprepare({ leaves = 0, drops }: FakeOptions): FakeStage {
  return {
    ...action("unprepare"),
    act: async (context) => {
      const names = Array.from({ length: leaves }, (_, index) => `left-${index}`);
      const row = {
        rank: 0,
        state: "pending",
        sourceRevision: 0,
        detail: { reason: "others use it" },
      } as const;
      await context.ledger("leftovers").put(names.map((key) => ({ ...row, key, target: key })));
      if (drops === undefined) return { done: true };
      const detail = {
        reason: "changed",
        ...(await keepObjects(context, [{ id: "dropped", object: drops }])),
      };
      await context.ledger("native-writes").put([{ ...row, key: "dropped", target: "dropped", detail }]);
      return { done: true };
    },
  };
}

/** Says that it locks or unlocks, and does it to nothing. */
function tells(name: string, before: LockState, after: LockState): FakeStage {
  return {
    ...action(name),
    act: async (context) => {
      await context.tellLock(before, "nothing");
      await context.tellLock(after, "nothing");
      return { done: true };
    },
  };
}

function lock({ failsLocked = false, differs = [] }: FakeOptions): FakeStage {
  const stage = tells("lock", "locking", "locked");
  const undo = [{ ...tells("unlock-again", "unlocking", "unlocked"), lockWindow: "ends" as const }];
  return {
    ...stage,
    ...{ lockWindow: "begins", undo },
    act: async (context) => {
      await stage.act(context);
      if (!failsLocked) return { done: true };
      const row = {
        rank: 1,
        state: "conflict",
        sourceRevision: 1,
        detail: { reason: "it differs" },
      } as const;
      const ledger = context.ledger(differencesLedger("lock", context.run.retriesSeen));
      await ledger.put(differs.map((key) => ({ ...row, key, target: key })));
      throw new MigratorError("FAKE_LOCKED", "it broke while locked", { next: "Mend it." });
    },
  };
}

function preflight(options: FakeOptions): FakeStage {
  const { failing, failingCode = "PREFLIGHT_FAILED", batches = 3, kind = "Thing", unreachable } = options;
  const check = {
    id: "fake-check",
    title: "nothing is wrong",
    severity: failing ?? "warning",
    fix: "Mend it.",
    status: failing === undefined ? "pass" : "fail",
    message: failing === undefined ? "nothing is" : "something is",
  };
  return {
    ...action("preflight"),
    act: async (context) => {
      if (unreachable !== undefined) {
        unreachable();
        throw new MigratorError("FAKE_UNREACHABLE", "nobody answers", { next: "Wait.", retryable: true });
      }
      await context.record({
        checks: [check],
        byKind: { [kind]: batches * PER_BATCH },
        findings: { installer: "nobody" },
      });
      if (failing !== "blocking") return { done: true };
      throw new MigratorError(failingCode, "fake-check: something is", { next: "Mend it." });
    },
  };
}

function copy({
  batches = 3,
  batchMs = 0,
  brokenUntil,
  retriedUntil,
  stubborn,
}: FakeOptions): Sweep<unknown, JsonObject> {
  return {
    kind: "sweep",
    name: "copy",
    title: "copy nothing",
    changesCluster: true,
    undo: [action("uncopy")],
    plan: () =>
      Promise.resolve({
        batches: Array.from({ length: batches }, () => ({ scope: {}, size: PER_BATCH })),
        done: true,
      }),
    work: async ({ signal }) => {
      if (retriedUntil !== undefined && !existsSync(retriedUntil)) throw busy();
      if (brokenUntil !== undefined && !existsSync(brokenUntil)) {
        throw new MigratorError("FAKE_BROKEN", "it is broken", { next: "Mend it, then `resume`." });
      }
      await sleep(batchMs, undefined, stubborn === true ? {} : { signal });
      return { done: true, counts: { copied: PER_BATCH } };
    },
  };
}

/** Waits until somebody has decided about each thing. */
function settle(
  names: readonly string[],
  { conflictPollMs: retryAfterMs = 0, leaving = [] }: FakeOptions,
): FakeStage {
  return {
    ...action("settle"),
    act: async (context) => {
      const ledger = context.ledger("resources");
      const known = await ledger.list({ limit: names.length });
      const now = context.clock.now();
      if (known.length === 0)
        await ledger.put(names.map((name) => differing(name, now, leaving.includes(name))));
      const query = { limit: names.length, states: ["conflict"] } as const;
      for (const row of await ledger.list(query)) {
        const conflict = row.detail["conflict"] as unknown as ConflictDetail;
        const decision = context.resolution(conflict);
        if (decision !== undefined && (conflict.onlySkip !== true || decision.use === "skip"))
          await ledger.put([{ ...row, state: "applied", detail: { use: decision.use } }]);
      }
      const { length } = await ledger.list(query);
      if (length === 0) return { done: true };
      return { wait: { reason: "Conflict", message: `${length} differ`, retryAfterMs } };
    },
  };
}

function differing(name: string, since: number, isLeaving: boolean): Checkpoint {
  const differences = [{ path: "spec.order", source: "1", target: "2" }];
  const conflict = {
    key: `Thing/${name}`,
    kind: "Thing",
    seen: `seen-${name}`,
    since,
    differences,
    more: false,
    command: `kubectl edit things.v1.example.com ${name}`,
    ...(isLeaving ? { onlySkip: true } : {}),
  };
  const detail = { kind: "Thing", reason: isLeaving ? "it is being deleted" : "it differs", conflict };
  return { rank: 1, key: name, state: "conflict", target: `things/${name}`, sourceRevision: 1, detail };
}

const report: FakeStage = {
  ...action("report"),
  act: async ({ artifacts, run }) => {
    const content = { moved: { total: 30, byKind: { Thing: 30 } }, lock: { windowMs: 1500 } };
    await artifacts.write(`runs/${run.runId}/report.json`, [Buffer.from(JSON.stringify(content))]);
    return { done: true };
  },
};

function busy(): MigratorError {
  return new MigratorError("FAKE_BUSY", "the server is busy", { next: "Wait.", retryable: true });
}
