import { z } from "zod";
import type { JsonObject } from "../shared/json.ts";

/** Under which source the functions put events on the bus. */
export const EVENT_SOURCE = "calico-migrator";

/** A CloudEvent (version 1.0 of its specification) as it lies in the `detail` of an event on the bus. */
export interface CloudEvent {
  specversion: "1.0";
  /** Unique together with `source`: what comes twice has the same. */
  id: string;
  source: string;
  /** Such as `calico-migrator.run.failed.v1`. */
  type: string;
  /** ISO 8601. */
  time: string;
  /** What it is about: a run, or else a cluster. */
  subject?: string;
  datacontenttype: "application/json";
  data: JsonObject;
}

/** What {@link cloudEvent} needs; `name` as in the catalogue, such as `run.failed` or `StartRun`. */
export type CloudEventParts = Pick<CloudEvent, "id" | "source" | "data"> & {
  name: string;
  time: Date | string;
  subject?: string | undefined;
};

/** The type of a message in its present version. */
export function typeOf(name: string): string {
  return `calico-migrator.${name}.v1`;
}

/** True for the type of a message in whatever version. */
export function isTypeOf(name: string, type: string): boolean {
  const [before, after] = type.split(`.${name}.v`);
  return before === "calico-migrator" && after !== undefined && /^\d+$/.test(after);
}

/** Wraps data into a CloudEvent. */
export function cloudEvent({ name, id, source, time, subject, data }: CloudEventParts): CloudEvent {
  return {
    specversion: "1.0",
    id,
    source,
    type: typeOf(name),
    time: typeof time === "string" ? time : time.toISOString(),
    ...(subject === undefined ? {} : { subject }),
    datacontenttype: "application/json",
    data,
  };
}

/** The schema of the CloudEvent with this data. Attributes that it does not name, such as those of tracing, are allowed. */
export function cloudEventSchema<T extends z.ZodType>(name: string, data: T) {
  return z.looseObject({
    specversion: z.literal("1.0"),
    id: z.string().min(1),
    source: z.string().min(1),
    type: z.literal(typeOf(name)),
    time: z.iso.datetime({ offset: true }),
    subject: z.string().min(1).optional(),
    datacontenttype: z.literal("application/json").optional(),
    data,
  });
}
