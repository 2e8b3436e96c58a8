import {
  type EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
  type PutEventsResultEntry,
} from "@aws-sdk/client-eventbridge";
import { EVENT_SOURCE } from "../../../../events/cloud-event.ts";
import { toCloudEvent } from "../../../../events/domain.ts";
import type { Clock, EventSink } from "../../../engine/ports.ts";
import type { DomainEvent } from "../../../engine/records.ts";
import { SystemClock } from "../../system-clock.ts";
import { callAws, denied, unavailable } from "../calls/failure.ts";
import { inGroups } from "../calls/groups.ts";
import { persist } from "../calls/persist.ts";
import { essentialsOf } from "./essentials.ts";

/**
 * What goes into one request. PutEvents takes 1 MB since 2026; the older 256 KB hold in every region and for every target
 * of a rule, and our events are small.
 */
const LIMITS = { count: 10, bytes: 256 * 1024 - 1 };

/** Failures of an entry that lie in the entry. */
const HOPELESS = /^(InvalidArgument|MalformedDetail|RedactionFailure)/;
const DENIED = /^(AccessDenied|NotAuthorized|InvalidAccountId)/;

interface Sending {
  event: DomainEvent;
  entry: PutEventsRequestEntry;
}

/**
 * Puts events on a bus, in their order, as CloudEvents in `detail`. An event that is too large, or that the bus refuses, is
 * cut down to its essentials; if it is refused even so, `onDropped` is told and the others go on, for the whole event stays
 * in the table.
 */
export class EventBridgeSink implements EventSink {
  readonly #eventBridge: EventBridgeClient;
  readonly #busName: string;
  readonly #clock: Clock;
  readonly #onDropped: (event: DomainEvent, reason: string) => void;

  constructor(parts: {
    eventBridge: EventBridgeClient;
    busName: string;
    clock?: Clock;
    onDropped?: (event: DomainEvent, reason: string) => void;
  }) {
    this.#eventBridge = parts.eventBridge;
    this.#busName = parts.busName;
    this.#clock = parts.clock ?? new SystemClock();
    this.#onDropped = parts.onDropped ?? (() => undefined);
  }

  /** Throws AWS_UNAVAILABLE, AWS_DENIED or AWS_REFUSED when events have not got to the bus: give all of them again. */
  async emit(events: readonly DomainEvent[]): Promise<void> {
    const sending = events.map((event) => this.#fitting(event));
    for (const group of inGroups(sending, LIMITS, ({ entry }) => bytesOf(entry))) {
      const refused = await this.#put(group);
      const cut = refused.map(({ event }) => ({ event, entry: this.#entryOf(essentialsOf(event)) }));
      for (const { event, reason } of await this.#put(cut)) this.#onDropped(event, reason);
    }
  }

  /** Returns those that the bus will never take. */
  async #put(group: readonly Sending[]): Promise<(Sending & { reason: string })[]> {
    const action = `put events on the bus ${this.#busName}`;
    const refused: (Sending & { reason: string })[] = [];
    let last = "";
    const left = await persist(group, this.#clock, async (sending) => {
      const results = await callAws(action, () => this.#putOnce(sending));
      const failed = sending.flatMap((one, index) => {
        const reason = reasonOf(results[index]);
        return reason === undefined ? [] : [{ ...one, reason }];
      });
      const forbidden = failed.find(({ reason }) => DENIED.test(reason));
      if (forbidden !== undefined) throw denied(action, forbidden.reason);
      refused.push(...failed.filter(({ reason }) => HOPELESS.test(reason)));
      const passing = failed.filter(({ reason }) => !HOPELESS.test(reason));
      last = passing[0]?.reason ?? last;
      return passing;
    });
    if (left.length > 0) throw unavailable(action, last);
    return refused;
  }

  async #putOnce(sending: readonly Sending[]): Promise<PutEventsResultEntry[]> {
    if (sending.length === 0) return [];
    const command = new PutEventsCommand({ Entries: sending.map(({ entry }) => entry) });
    return (await this.#eventBridge.send(command)).Entries ?? [];
  }

  #fitting(event: DomainEvent): Sending {
    const entry = this.#entryOf(event);
    return { event, entry: bytesOf(entry) <= LIMITS.bytes ? entry : this.#entryOf(essentialsOf(event)) };
  }

  #entryOf(event: DomainEvent): PutEventsRequestEntry {
    const cloudEvent = toCloudEvent(event, { source: EVENT_SOURCE });
    return {
      EventBusName: this.#busName,
      Source: EVENT_SOURCE,
      DetailType: cloudEvent.type,
      Time: new Date(event.time),
      Detail: JSON.stringify(cloudEvent),
    };
  }
}

/** As the bus counts them: 14 for the time. */
function bytesOf({ Source = "", DetailType = "", Detail = "" }: PutEventsRequestEntry): number {
  return 14 + Buffer.byteLength(Source + DetailType + Detail);
}

function reasonOf(result: PutEventsResultEntry | undefined): string | undefined {
  if (result?.ErrorCode === undefined) return undefined;
  return [result.ErrorCode, result.ErrorMessage].filter(Boolean).join(": ");
}
