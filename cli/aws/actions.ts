import type { Command } from "../../events/commands.ts";
import { DEFAULT_RETRY } from "../../shared/engine/backoff.ts";
import { Engine, newRunId, type StartRequest } from "../../shared/engine/engine.ts";
import { RunNotFoundError } from "../../shared/engine/errors.ts";
import type { LeaveOutRequest } from "../../shared/engine/leave-out.ts";
import type { Migration } from "../../shared/engine/migration.ts";
import type { CheckpointStore } from "../../shared/engine/ports.ts";
import type {
  Approval,
  LeftBehind,
  ResolutionRequest,
  RunControl,
  RunRecord,
} from "../../shared/engine/records.ts";
import type { EnginePorts } from "../../shared/engine/settings.ts";
import { MigratorError } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import type { RunActions } from "../session.ts";
import type { World } from "../world.ts";
import type { AwsStack } from "./stack.ts";
import { withMethods } from "./with-methods.ts";

/** How long a command may be on its way before somebody should look. */
const TAKEN_WITHIN_MS = 60_000;
const POLL_MS = 1000;

type StartRun = Extract<Command, { type: "StartRun" }>;

/** The parts of a change that are asked for by a command. */
interface Asking {
  command: (wanted: RunControl) => Command;
  /** True once the run's record shows that the command was taken. */
  taken: (now: RunControl, before: RunControl) => boolean;
}

/**
 * Asks by events. The same engine that acts on AWS checks each request here first, on a store whose writes are commands: so
 * what cannot be done is told at once, in the same words, and nothing is sent.
 */
export class AwsActions implements RunActions {
  readonly #stack: Pick<AwsStack, "store" | "artifacts" | "publish">;
  readonly #world: Pick<World, "clock" | "user" | "migrations">;

  constructor(parts: {
    stack: Pick<AwsStack, "store" | "artifacts" | "publish">;
    world: Pick<World, "clock" | "user" | "migrations">;
  }) {
    this.#stack = parts.stack;
    this.#world = parts.world;
  }

  /** Returns when the run is there. Throws what `Engine.start` throws, and COMMAND_NOT_TAKEN. */
  start(request: StartRequest): Promise<RunRecord> {
    const engine = this.#engine({ createRun: (run, control) => this.#create(run, control) });
    return engine.start({ ...request, runId: request.runId ?? newRunId(request.migration) });
  }

  /** Throws COMMAND_NOT_TAKEN, as all that follow. */
  async pause(runId: string): Promise<void> {
    await this.#asking({
      command: () => ({ type: "PauseRun", data: { runId, by: this.#world.user } }),
      taken: ({ pause }) => pause,
    }).pause(runId);
  }

  /** Throws what `Engine.resume` throws. What is not on the cluster is found there alone: that command is not taken. */
  async resume(runId: string, leaveOut?: LeaveOutRequest): Promise<void> {
    const skip = leaveOut === undefined ? {} : { skip: [...leaveOut.objects] };
    await this.#asking({
      command: () => ({ type: "ResumeRun", data: { runId, by: this.#world.user, ...skip } }),
      taken: ({ retries }, before) => retries > before.retries,
    }).resume(runId, leaveOut);
  }

  /** Throws what `Engine.approve` throws. */
  approve(runId: string, by: string, subject?: string, seen?: string): Promise<Approval> {
    return this.#asking({
      command: ({ approvals }) => ({
        type: "ApproveRun",
        // All of it is named, so that a command that arrives late or twice approves nothing else.
        data: { runId, by, subject: "", ...named(approvals.at(-1)) },
      }),
      taken: ({ approvals }, before) => approvals.length > before.approvals.length,
    }).approve(runId, by, subject, seen);
  }

  /** Throws what `Engine.resolve` throws. */
  async resolve(runId: string, by: string, requests: readonly ResolutionRequest[]): Promise<void> {
    await this.#asking({
      command: () => ({ type: "ResolveConflicts", data: { runId, by, resolutions: [...requests] } }),
      taken: ({ retries }, before) => retries > before.retries,
    }).resolve(runId, by, requests);
  }

  /** Throws what `Engine.undo` throws. */
  async undo(runId: string, kind: "abort" | "rollback"): Promise<void> {
    const type = kind === "abort" ? "AbortRequested" : "RollbackRequested";
    await this.#asking({
      command: () => ({ type, data: { runId, by: this.#world.user } }),
      taken: ({ undo, retries }, before) => undo !== undefined && retries > before.retries,
    }).undo(runId, kind);
  }

  /** Throws what `Engine.abandon` throws. */
  abandon(runId: string, by: string): Promise<LeftBehind[]> {
    return this.#asking({
      command: () => ({ type: "AbandonRun", data: { runId, by } }),
      taken: ({ abandon }) => abandon !== undefined,
    }).abandon(runId, by);
  }

  /** Throws what `Engine.checkUndo` throws. */
  checkUndo(runId: string, kind: "abort" | "rollback"): Promise<void> {
    return this.#engine({}).checkUndo(runId, kind);
  }

  isUndoable(runId: string): Promise<boolean> {
    return this.#engine({}).isUndoable(runId);
  }

  leftBehind(runId: string): Promise<LeftBehind[]> {
    return this.#engine({}).leftBehind(runId);
  }

  #asking(asking: Asking): Engine<ClusterConnections> {
    return this.#engine({ updateControl: (runId, change) => this.#ask(runId, change, asking) });
  }

  /** An engine that checks and does nothing but what `writes` do. */
  #engine(writes: Partial<CheckpointStore>): Engine<ClusterConnections> {
    const { store, artifacts } = this.#stack;
    const ports: EnginePorts<ClusterConnections> = {
      store: withMethods(store, writes),
      queue: { send: () => Promise.resolve() },
      artifacts,
      events: { emit: () => Promise.resolve() },
      clock: this.#world.clock,
      connections: { open: () => Promise.reject(new Error("an action connects to no cluster")) },
    };
    const settings = { holder: "command line", leaseTtlMs: 0, busyDelayMs: 0, retry: DEFAULT_RETRY };
    return new Engine(ports, settings, this.#world.migrations.map(withoutLooks));
  }

  async #create(run: RunRecord, control: RunControl): Promise<void> {
    const { runId, migration, cluster, options, plan } = run;
    const { approvals, stopBefore } = control;
    const data = { runId, migration, cluster, options: asJson(options), approvals, by: this.#world.user };
    const more = {
      ...(stopBefore === undefined ? {} : { stopBefore }),
      ...(plan === undefined ? {} : { plan }),
    };
    await this.#stack.publish({ type: "StartRun", data: { ...data, ...more } });
    await this.#until("StartRun", runId, async () => (await this.#stack.store.getRun(runId)) !== undefined);
  }

  async #ask(
    runId: string,
    change: (control: RunControl) => RunControl,
    { command, taken }: Asking,
  ): Promise<RunControl> {
    const read = async (): Promise<RunControl> => {
      const control = await this.#stack.store.getControl(runId);
      if (control === undefined) throw new RunNotFoundError(runId);
      return control;
    };
    const before = await read();
    const asked = command(change(before));
    await this.#stack.publish(asked);
    let now = before;
    await this.#until(asked.type, runId, async () => {
      now = await read();
      return taken(now, before);
    });
    return now;
  }

  async #until(command: string, runId: string, holds: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#world;
    const end = clock.now() + TAKEN_WITHIN_MS;
    while (!(await holds())) {
      if (clock.now() >= end) throw notTaken(command, runId);
      await clock.sleep(POLL_MS);
    }
  }
}

/** What it takes a cluster for is found out by the functions. */
function withoutLooks(migration: Migration<ClusterConnections>): Migration<ClusterConnections> {
  const { leaveOut } = migration;
  if (leaveOut === undefined) return migration;
  const { missing: _onTheCluster, ...rule } = leaveOut;
  return { ...migration, leaveOut: rule };
}

function named(approval: Approval | undefined): Partial<Pick<Approval, "subject" | "fingerprint">> {
  if (approval === undefined) return {};
  const { subject, fingerprint } = approval;
  return fingerprint === undefined ? { subject } : { subject, fingerprint };
}

/** Without the members that are absent, which no message can say. */
function asJson(options: JsonObject): StartRun["data"]["options"] {
  return JSON.parse(JSON.stringify(options)) as StartRun["data"]["options"];
}

function notTaken(command: string, runId: string): MigratorError {
  const where = command.endsWith("Requested") ? "rollback" : "run";
  return new MigratorError(
    "COMMAND_NOT_TAKEN",
    `${command} for run "${runId}" was sent, and not taken within ${TAKEN_WITHIN_MS / 1000} s`,
    {
      next: `Look at the log of the function \`${where}\` (a refused command says why), and at its dead-letter queue; a command that is only late still works for an hour: \`calico-migrator get ${runId}\`.`,
      retryable: true,
      details: { command, runId },
    },
  );
}
