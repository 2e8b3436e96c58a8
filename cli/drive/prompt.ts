import { createInterface } from "node:readline/promises";
import { oneLine, unguarded } from "../output/escape.ts";
import type { World } from "../world.ts";

/** True when a person can be asked. */
export function canAsk(world: Pick<World, "stdin" | "stderr">): boolean {
  return world.stdin.isTTY === true && world.stderr.isTTY === true;
}

/**
 * Explains, then asks a person a question on the terminal; undefined when there was no answer: the signal aborted, Ctrl-C (which
 * `onInterrupt` is told of), or the end of the input.
 */
export async function ask(
  world: Pick<World, "stdin" | "stderr">,
  { explanation, question }: { explanation: string; question: string },
  { signal, onInterrupt }: { signal: AbortSignal; onInterrupt: () => void },
): Promise<string | undefined> {
  world.stderr.write(`${explanation}\n`);
  const lines = createInterface({ input: world.stdin, output: unguarded(world.stderr), terminal: true });
  const closed = new AbortController();
  lines.once("SIGINT", onInterrupt);
  lines.once("close", () => {
    closed.abort();
  });
  try {
    const answer = await lines.question(oneLine(question), {
      signal: AbortSignal.any([signal, closed.signal]),
    });
    return answer.trim();
  } catch (error) {
    if (signal.aborted || closed.signal.aborted) return undefined;
    throw error;
  } finally {
    lines.close();
  }
}

/** True for an answer that says yes. */
export function isYes(answer: string | undefined): boolean {
  return /^y(es)?$/i.test(answer ?? "");
}
