import { type EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { EVENT_SOURCE } from "../../events/cloud-event.ts";
import { type CommandRefusal, refusalEvent } from "../../events/domain.ts";
import { callAws, refused } from "../../shared/adapters/aws/calls/failure.ts";
import type { Clock } from "../../shared/engine/ports.ts";
import type { Refusals } from "./ports.ts";

/** Puts refusals on the bus. */
export class BusRefusals implements Refusals {
  readonly #eventBridge: EventBridgeClient;
  readonly #busName: string;
  readonly #clock: Pick<Clock, "now">;

  constructor(parts: { eventBridge: EventBridgeClient; busName: string; clock: Pick<Clock, "now"> }) {
    this.#eventBridge = parts.eventBridge;
    this.#busName = parts.busName;
    this.#clock = parts.clock;
  }

  /** Throws AWS_UNAVAILABLE, AWS_DENIED or AWS_REFUSED. */
  async tell(refusal: CommandRefusal): Promise<void> {
    const time = new Date(this.#clock.now());
    const event = refusalEvent(refusal, { source: EVENT_SOURCE, time });
    const entry = { EventBusName: this.#busName, Source: EVENT_SOURCE, DetailType: event.type, Time: time };
    const action = `put an event on the bus ${this.#busName}`;
    const put = new PutEventsCommand({ Entries: [{ ...entry, Detail: JSON.stringify(event) }] });
    const { Entries } = await callAws(action, () => this.#eventBridge.send(put));
    const fault = Entries?.[0]?.ErrorCode;
    if (fault !== undefined) throw refused(action, fault);
  }
}
