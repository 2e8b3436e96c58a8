import { randomUUID } from "node:crypto";
import { type EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { type Command, encodeCommand } from "../../events/commands.ts";
import type { Clock } from "../../shared/engine/ports.ts";
import { MigratorError } from "../../shared/errors.ts";

const SOURCE = "calico-migrator.cli";
/** What nobody has taken by then, nobody waits for any more: a person asks again, looking at the run as it is then. */
const VALID_MS = 3_600_000;

/** Puts a command on the bus. Throws COMMAND_NOT_SENT where the bus does not take it, and what `encodeCommand` throws. */
export async function publishCommand(
  { events, bus, clock }: { events: Pick<EventBridgeClient, "send">; bus: string; clock: Clock },
  command: Command,
): Promise<void> {
  const time = new Date(clock.now()).toISOString();
  const notAfter = new Date(clock.now() + VALID_MS).toISOString();
  const expiring = { ...command, data: { ...command.data, notAfter } } as Command;
  const entry = encodeCommand(expiring, { id: randomUUID(), time, source: SOURCE });
  const answer = await events.send(new PutEventsCommand({ Entries: [{ ...entry, EventBusName: bus }] }));
  const [result] = answer.Entries ?? [];
  if (result?.EventId !== undefined && result.ErrorCode === undefined) return;
  const why = result?.ErrorCode ?? "no answer for it";
  throw new MigratorError("COMMAND_NOT_SENT", `the event bus did not take ${command.type}: ${why}`, {
    next: "Run the command again; if it goes on, look at the bus and at its quotas.",
    retryable: true,
    details: { command: command.type, reason: why },
  });
}
