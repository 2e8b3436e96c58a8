import type { SQSBatchResponse, SQSRecord } from "aws-lambda";
import type { CommandRefusal } from "../../events/domain.ts";
import { Engine } from "../../shared/engine/engine.ts";
import type { WorkMessage } from "../../shared/engine/ports.ts";
import { type Rig, SETTINGS } from "../../shared/engine/testing/rig.ts";
import { type Asked, onceStore } from "../runtime/asked.ts";
import { observedSink, observedStore } from "../runtime/observed.ts";
import { type Commands, queueHandler } from "../runtime/queue-handler.ts";
import { contextWith, eventOf } from "./events.ts";
import { SeenObservers } from "./observers.ts";

/** A queue's handler on the engine of a rig; it remembers what it sends, hides and refuses. */
export class QueueRig<C> {
  readonly rig: Rig<C>;
  readonly observers = new SeenObservers();
  readonly sent: { message: WorkMessage; hops: number }[] = [];
  readonly refusals: CommandRefusal[] = [];
  /** After how long failed messages are shown again. Milliseconds. */
  readonly shownAfter: number[] = [];
  hidden = 0;
  hopBudget = 100;
  readonly #carryOut: Commands<C>["carryOut"] | undefined;

  constructor(rig: Rig<C>, carryOut?: Commands<C>["carryOut"]) {
    this.rig = rig;
    this.#carryOut = carryOut;
  }

  handle(records: readonly SQSRecord[], remainingMs?: number): Promise<SQSBatchResponse> {
    const { log, meter } = this.observers;
    const tell = (refusal: CommandRefusal): Promise<void> => {
      this.refusals.push(refusal);
      return Promise.resolve();
    };
    const carryOut = this.#carryOut;
    const { store, clock } = this.rig.ports;
    const commands =
      carryOut === undefined ? {} : { commands: { carryOut, refusals: { tell }, store, clock } };
    const engineFor = (hops: number, asked?: Asked): Engine<C> => this.#engine(hops, asked);
    const parts = { engineFor, visibility: this.#visibility(), hopBudget: this.hopBudget, log, meter };
    return queueHandler({ ...parts, ...commands })(eventOf(...records), contextWith(remainingMs));
  }

  #engine(hops: number, asked: Asked | undefined): Engine<C> {
    const { ports, migrations } = this.rig;
    const send = (messages: readonly { message: WorkMessage }[]): Promise<void> => {
      this.sent.push(...messages.map(({ message }) => ({ message, hops })));
      return Promise.resolve();
    };
    const observed = observedStore(ports.store, this.observers);
    const store = asked === undefined ? observed : onceStore(observed, asked);
    const events = observedSink(ports.events, this.observers);
    return new Engine({ ...ports, store, events, queue: { send } }, SETTINGS, migrations);
  }

  #visibility() {
    return {
      keepHidden: (): AsyncDisposable => {
        this.hidden += 1;
        return {
          [Symbol.asyncDispose]: () => {
            this.hidden -= 1;
            return Promise.resolve();
          },
        };
      },
      showAfter: (_record: SQSRecord, ms: number): Promise<void> => {
        this.shownAfter.push(ms);
        return Promise.resolve();
      },
    };
  }
}
