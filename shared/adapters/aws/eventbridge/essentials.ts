import type { DomainEvent } from "../../../engine/records.ts";
import type { Json } from "../../../json.ts";

const LONGEST_TEXT = 1_000;
const MEMBER_BYTES = 4_096;
const DATA_BYTES = 64 * 1024;

/**
 * An event with long texts cut and large members of its data left out, the largest first, so that it fits everywhere. The
 * names of what is missing are in `data.omitted`; the whole event stays in the table.
 */
export function essentialsOf(event: DomainEvent): DomainEvent {
  const members = Object.entries(event.data)
    .map(([name, value]) => ({ name, value: shortened(value) }))
    .map((member) => ({ ...member, bytes: Buffer.byteLength(JSON.stringify(member)) }))
    .sort((a, b) => a.bytes - b.bytes);
  let bytes = 0;
  const kept = members.filter((member) => {
    bytes += member.bytes;
    return member.bytes <= MEMBER_BYTES && bytes <= DATA_BYTES;
  });
  const omitted = members.filter((member) => !kept.includes(member)).map(({ name }) => name);
  const data = Object.fromEntries(kept.map(({ name, value }) => [name, value]));
  return { ...event, data: { ...data, omitted: omitted.slice(0, 20).map((name) => shortened(name)) } };
}

function shortened<T extends Json | undefined>(value: T): T | string {
  return typeof value === "string" && value.length > LONGEST_TEXT
    ? `${value.slice(0, LONGEST_TEXT)}…`
    : value;
}
