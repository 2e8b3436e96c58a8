import type { Counter, Facts, Gauge, Observers } from "../runtime/ports.ts";

/** A log line that a handler wrote, with the facts that were appended before. */
interface Line {
  level: "info" | "warn" | "error";
  message: string;
  facts: Facts;
}

/** Remembers what a handler tells. */
export class SeenObservers implements Observers {
  readonly lines: Line[] = [];
  readonly counted: Partial<Record<Counter, number>> = {};
  readonly gauges: Partial<Record<Gauge, number>> = {};
  #keys: Facts = {};

  readonly log = {
    info: this.#write("info"),
    warn: this.#write("warn"),
    error: this.#write("error"),
    appendKeys: (facts: Facts): void => {
      this.#keys = { ...this.#keys, ...facts };
    },
    resetKeys: (): void => {
      this.#keys = {};
    },
  };

  readonly meter = {
    count: (counter: Counter): void => {
      this.counted[counter] = (this.counted[counter] ?? 0) + 1;
    },
    gauge: (gauge: Gauge, value: number): void => {
      this.gauges[gauge] = value;
    },
  };

  readonly learn = (): void => undefined;
  readonly forget = (): void => undefined;
  readonly redact = (text: string): string => text;

  /** For handlers that take them among their parts. */
  parts(): Observers {
    const { log, meter, learn, forget, redact } = this;
    return { log, meter, learn, forget, redact };
  }

  #write(level: Line["level"]): (message: string, facts?: Facts) => void {
    return (message, facts = {}) => {
      this.lines.push({ level, message, facts: { ...this.#keys, ...facts } });
    };
  }
}
