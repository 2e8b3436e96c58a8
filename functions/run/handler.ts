import { isDeepStrictEqual } from "node:util";
import type { Command } from "../../events/commands.ts";
import type { Engine, StartRequest } from "../../shared/engine/engine.ts";
import { RunExistsError } from "../../shared/engine/errors.ts";
import { MigratorError } from "../../shared/errors.ts";
import { misrouted } from "../runtime/misrouted.ts";

type StartRun = Extract<Command, { type: "StartRun" }>["data"];
type ApproveRun = Extract<Command, { type: "ApproveRun" }>["data"];

/** Carries out the commands that come to the queue of runs. Throws what the engine throws, and MESSAGE_MISROUTED. */
export async function carryOutRunCommand<C>(command: Command, engine: Engine<C>): Promise<void> {
  switch (command.type) {
    case "StartRun":
      return start(command.data, engine);
    case "PauseRun":
      return engine.pause(command.data.runId);
    case "ResumeRun":
      return engine.resume(command.data.runId);
    case "ApproveRun":
      return approve(command.data, engine);
    default:
      throw misrouted(command.type);
  }
}

/** Starts a run, once: the same command again only makes sure that the run was sent off. Throws RUN_EXISTS for another. */
async function start<C>(asked: StartRun, engine: Engine<C>): Promise<void> {
  const { runId, migration, cluster, options, approvals, stopBefore } = asked;
  const request = { runId, migration, cluster, options, approvals };
  try {
    await engine.start(stopBefore === undefined ? request : { ...request, stopBefore });
  } catch (error) {
    if (!(error instanceof RunExistsError)) throw error;
    const { run } = await engine.describe(runId);
    if (!asksForTheSame(run, request, engine)) throw error;
    if (run.state === "Pending") await engine.wake(runId);
  }
}

function asksForTheSame<C>(
  run: Pick<StartRequest, "migration" | "cluster" | "options">,
  asked: Pick<StartRequest, "migration" | "cluster" | "options">,
  engine: Engine<C>,
): boolean {
  if (run.migration !== asked.migration || run.cluster !== asked.cluster) return false;
  const parsed = engine.migration(asked.migration).options.safeParse(asked.options);
  return parsed.success && isDeepStrictEqual(asJson(run.options), asJson(parsed.data));
}

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/**
 * Messages come twice: without a subject, the second one would approve whatever the run waits for by then, perhaps its
 * point of no return.
 */
async function approve<C>({ runId, by, subject }: ApproveRun, engine: Engine<C>): Promise<void> {
  if (subject === undefined) {
    throw new MigratorError(
      "APPROVAL_SUBJECT_MISSING",
      `the approval of run "${runId}" does not say what is approved`,
      {
        next: "Name the subject that the run waits for: `calico-migrator describe` shows it.",
      },
    );
  }
  await engine.approve(runId, by, subject);
}
