import { migrationOf } from "../migration.ts";
import { paintFor } from "../output/paint.ts";
import type { Session } from "../session.ts";
import { JsonLinesReporter } from "./json-lines.ts";
import { PlainReporter } from "./plain.ts";
import { type Reporter, silentReporter } from "./reporter.ts";
import { TerminalReporter } from "./terminal.ts";
import { Viewer } from "./view.ts";

/** The reporter that suits the flags and standard error: live on a terminal, lines otherwise. */
export function openReporter(
  { world, flags }: Pick<Session, "world" | "flags">,
  migration: string,
): Reporter {
  if (flags.quiet) return silentReporter;
  const viewer = new Viewer(migrationOf(world, migration));
  if (flags.output === "json") return new JsonLinesReporter(world.stderr, viewer);
  if (world.stderr.isTTY !== true || flags.verbose) return new PlainReporter(world.stderr, viewer);
  return new TerminalReporter(world.stderr, viewer, paintFor(world, world.stderr, flags.color));
}
