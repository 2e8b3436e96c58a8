import { paintFor } from "../output/paint.ts";
import type { Session } from "../session.ts";
import { JsonLinesReporter } from "./json-lines.ts";
import { PlainReporter } from "./plain.ts";
import { type Reporter, silentReporter } from "./reporter.ts";
import { TerminalReporter } from "./terminal.ts";
import { Viewer } from "./view.ts";

/** The reporter that suits the flags and standard error: live on a terminal, lines otherwise. */
export function openReporter(
  { world, flags, engine }: Pick<Session, "world" | "flags" | "engine">,
  migration: string,
): Reporter {
  if (flags.quiet) return silentReporter;
  const viewer = new Viewer(engine.migration(migration));
  if (flags.output === "json") return new JsonLinesReporter(world.stderr, viewer);
  if (world.stderr.isTTY !== true || flags.verbose) return new PlainReporter(world.stderr, viewer);
  return new TerminalReporter(world.stderr, viewer, paintFor(world, world.stderr, flags.color));
}
