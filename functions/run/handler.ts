import { isDeepStrictEqual } from "node:util";
import type { Command } from "../../events/commands.ts";
import type { Engine, StartRequest } from "../../shared/engine/engine.ts";
import { RunExistsError } from "../../shared/engine/errors.ts";
import { refuseOwnSources } from "../../shared/migrations/manifests.ts";
import { misrouted } from "../runtime/misrouted.ts";

type StartRun = Extract<Command, { type: "StartRun" }>["data"];

/** Carries out the commands that start and steer runs. Throws what the engine throws, and MESSAGE_MISROUTED. */
export async function carryOutRunCommand<C>(command: Command, engine: Engine<C>): Promise<void> {
  switch (command.type) {
    case "StartRun":
      return start(command.data, engine);
    case "PauseRun":
      return engine.pause(command.data.runId);
    case "AbandonRun":
      return abandon(engine, command.data);
    case "ResumeRun": {
      const { runId, by, skip } = command.data;
      return engine.resume(runId, skip && { objects: skip, by });
    }
    case "ApproveRun": {
      const { runId, by, subject, fingerprint } = command.data;
      await engine.approve(runId, by, subject, fingerprint);
      return;
    }
    case "ResolveConflicts": {
      const { runId, by, resolutions } = command.data;
      return engine.resolve(runId, by, resolutions);
    }
    default:
      throw misrouted(command.type);
  }
}

/** A run that was given up stays so: a command that comes twice changes nothing. */
async function abandon<C>(engine: Engine<C>, { runId, by }: { runId: string; by: string }): Promise<void> {
  const { run } = await engine.describe(runId);
  if (run.state !== "Abandoned") await engine.abandon(runId, by);
}

/**
 * Starts a run, once: the same command again only makes sure that the run was sent off. Throws RUN_EXISTS for another, and
 * MANIFEST_SOURCE_REFUSED for what only a later stage would find unreadable.
 */
async function start<C>(asked: StartRun, engine: Engine<C>): Promise<void> {
  const { runId, migration, cluster, options, approvals, stopBefore, plan } = asked;
  const request = { runId, migration, cluster, options, approvals };
  const more = { ...(stopBefore !== undefined && { stopBefore }), ...(plan !== undefined && { plan }) };
  refuseOwnSources(options);
  try {
    await engine.start({ ...request, ...more });
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
