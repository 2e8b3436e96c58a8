import type { DomainEvent, RunRecord } from "./records.ts";

/** Names where a run stands in the words of the migration's users; pure. */
export type PhaseOf = (run: Readonly<RunRecord>) => string;

/** Events of the run as a whole and of its stages: they tell the phase that the run is in from there on. */
export function withPhase(
  phaseOf: PhaseOf | undefined,
  run: RunRecord,
  events: readonly DomainEvent[],
): DomainEvent[] {
  if (phaseOf === undefined) return [...events];
  const phase = phaseOf(run);
  return events.map((event) => {
    const tellsPhase = event.type.startsWith("run.") || event.type.startsWith("stage.");
    return tellsPhase ? { ...event, data: { ...event.data, phase } } : event;
  });
}
