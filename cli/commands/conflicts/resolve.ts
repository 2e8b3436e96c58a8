import { Command, Option } from "commander";
import { z } from "zod";
import { type Conflict, conflictsOf } from "../../../shared/engine/conflicts.ts";
import type { CheckpointStore } from "../../../shared/engine/ports.ts";
import type { ResolutionRequest, ResolutionUse } from "../../../shared/engine/records.ts";
import { MigratorError } from "../../../shared/errors.ts";
import { usageError } from "../../failures.ts";
import { WorkFlags, withWorkOptions } from "../../options/common.ts";
import { findRun } from "../../runs.ts";
import { commandLine, openSession } from "../../session.ts";
import type { World } from "../../world.ts";
import type { CommandEntry } from "../command.ts";
import { workOn } from "../work-on.ts";
import { readReview, USES } from "./review.ts";

const ResolveFlags = WorkFlags.extend({ use: z.enum(USES).optional(), file: z.string().optional() });
type ResolveFlags = z.infer<typeof ResolveFlags>;

/** Ends the key that stands for all conflicts of a kind. */
const ALL_OF_KIND = "/*";

const EXAMPLES = `
Examples:
  calico-migrator conflicts resolve RUN NetworkPolicy/shop/web IPPool/blue --use source
  calico-migrator conflicts resolve RUN 'GlobalNetworkSet/*' --use target      # all of a kind
  calico-migrator conflicts resolve RUN --use source                           # all that are listed now
  calico-migrator conflicts resolve RUN --file reviewed.yaml                   # see conflicts --output yaml
`;

/** `conflicts resolve`: records which side counts, and goes on with the run. */
export function resolveCommand(): CommandEntry {
  const command = new Command("resolve")
    .summary("decide which side counts, and go on with the run")
    .description(
      "Records your decisions, with your name and the time, and goes on with the run. A decision holds as long as both sides are as they were listed; what has changed since is listed again.",
    )
    .argument("<run>", "the run")
    .argument(
      "[keys...]",
      "conflicts as they are listed, or KIND/* for all of a kind (default: all that are listed)",
    )
    .optionsGroup("Decision:")
    .addOption(
      new Option(
        "--use <side>",
        "source: replace the object; target: keep it; skip: leave the resource out, and the object that is there as it is",
      ).choices(USES),
    )
    .option("--file <file>", "decisions made in a file that `conflicts --output yaml` has written");
  withWorkOptions(command, "ask nothing more").addHelpText("before", EXAMPLES.trimStart());
  return {
    command,
    handle: ({ world, args, flags }) => resolveConflicts(world, args, ResolveFlags.parse(flags)),
  };
}

async function resolveConflicts(
  world: World,
  args: readonly unknown[],
  flags: ResolveFlags,
): Promise<number> {
  const [runId, keys] = z.tuple([z.string(), z.array(z.string()).default([])]).parse(args);
  const form = formOf(keys, flags);
  await using session = await openSession(world, flags, { concurrency: flags.concurrency });
  const run = await findRun(session.store, runId, () => true);
  const { requests, open } =
    "file" in form
      ? await reviewed(world, session.store, form.file, runId)
      : await requestsFor(session.store, runId, form);
  if (requests.length === 0) throw nothingDecided(runId, form);
  await session.actions.resolve(runId, world.user, requests);
  if (flags.output !== "json") {
    const left = open === 0 ? "" : `; ${open} left open, see \`${commandLine(session, "conflicts", runId)}\``;
    world.stderr.write(`decided: ${requests.length}${left}\n`);
  }
  return await workOn(session, run, flags, { wanted: "forward" });
}

/** What the command line names: conflicts (no keys: all) with the side that counts, or a file with decisions. */
type Form = { keys: readonly string[]; use: ResolutionUse } | { file: string };

/** Throws USAGE for anything but one of the two. */
function formOf(keys: readonly string[], { use, file }: ResolveFlags): Form {
  if (use !== undefined && file === undefined) return { keys, use };
  if (keys.length === 0 && use === undefined && file !== undefined) return { file };
  throw usageError(
    "give --use, with conflicts or for all of them, or --file alone",
    "See `calico-migrator conflicts resolve --help`.",
  );
}

/** The decisions in a file. Throws CONFLICT_ONLY_SKIPPED. */
async function reviewed(
  world: World,
  store: CheckpointStore,
  file: string,
  runId: string,
): Promise<ReturnType<typeof readReview>> {
  const review = readReview(world, file, runId);
  const sides = new Map(review.requests.map((one) => [one.key, one]));
  const refused: Conflict[] = [];
  for await (const conflict of conflictsOf(store, runId)) {
    const request = sides.get(conflict.key);
    const isMeant = request !== undefined && request.use !== "skip" && request.seen === conflict.seen;
    if (isMeant && conflict.onlySkip === true) refused.push(conflict);
  }
  refuseSides(refused);
  return review;
}

/**
 * Binds keys to the conflicts as they are recorded now; those that can only be left out are passed over where all are meant.
 * Throws CONFLICT_UNKNOWN and CONFLICT_ONLY_SKIPPED.
 */
async function requestsFor(
  store: CheckpointStore,
  runId: string,
  { keys, use }: Extract<Form, { keys: readonly string[] }>,
): Promise<{ requests: ResolutionRequest[]; open: number }> {
  const wanted = new Map<string, ResolutionRequest>();
  const passedOver: Conflict[] = [];
  for await (const conflict of conflictsOf(store, runId)) {
    const { key, kind, seen, since, onlySkip } = conflict;
    if (onlySkip === true && use !== "skip") {
      if (keys.length === 0 || [key, `${kind}${ALL_OF_KIND}`].some((one) => keys.includes(one)))
        passedOver.push(conflict);
      continue;
    }
    if (keys.includes(key)) wanted.set(key, { key, use, seen });
    const all = `${kind}${ALL_OF_KIND}`;
    if (keys.length === 0 || keys.includes(all))
      wanted.set(all, { kind, use, seenUpTo: latest(wanted.get(all), since) });
  }
  refuseSides(wanted.size === 0 ? passedOver : passedOver.filter(({ key }) => keys.includes(key)));
  const unknown = keys.filter((key) => !wanted.has(key));
  if (unknown.length > 0) throw conflictUnknown(runId, unknown);
  return { requests: [...wanted.values()], open: passedOver.length };
}

function latest(before: ResolutionRequest | undefined, since: Conflict["since"]): number {
  return before !== undefined && "seenUpTo" in before ? Math.max(before.seenUpTo, since) : since;
}

/** Nobody can keep what is about to go, or write to it. */
function refuseSides(refused: readonly Conflict[]): void {
  const [first] = refused;
  if (first === undefined) return;
  const more = refused.length > 1 ? `, and ${refused.length - 1} more` : "";
  throw new MigratorError(
    "CONFLICT_ONLY_SKIPPED",
    `of ${first.key}${more} no side can count (${first.reason}); nothing was decided`,
    {
      next: "Leave it undecided, and let whoever has set its finalizers take them off: the run goes on by itself then. Or leave its resource out: `--use skip`.",
      details: { keys: refused.map(({ key }) => key) },
    },
  );
}

function conflictUnknown(runId: string, keys: readonly string[]): MigratorError {
  const named = keys.slice(0, 5).join(", ") + (keys.length > 5 ? `, and ${keys.length - 5} more` : "");
  return new MigratorError(
    "CONFLICT_UNKNOWN",
    `run "${runId}" has no conflict ${named}; nothing was decided`,
    {
      next: `List them with \`calico-migrator conflicts ${runId}\`.`,
      details: { runId, keys: [...keys] },
    },
  );
}

function nothingDecided(runId: string, form: Form): MigratorError {
  if ("use" in form)
    return new MigratorError(
      "CONFLICTS_UNDECIDED",
      `run "${runId}" lists no conflicts; nothing was decided`,
      {
        next: `See what it waits for with \`calico-migrator describe ${runId}\`.`,
      },
    );
  return new MigratorError("CONFLICTS_UNDECIDED", "no conflict in the reviewed file has a `use`", {
    next: "Set `use` to source, target or skip, and run the command again.",
  });
}
