import type { Checkpoint } from "../../../engine/records.ts";
import type { Found } from "./side.ts";

/** What a row keeps of what preflight has seen there: its hash, empty for nothing. */
export function seenOf(found: Found | undefined): { seen: string } {
  return { seen: found?.hash ?? "" };
}

/** True where something else is there than preflight has seen and a person was shown. Rows of earlier versions do not always say. */
export function isStale({ detail }: Checkpoint, found: Found | undefined): boolean {
  return "seen" in detail && detail["seen"] !== seenOf(found).seen;
}
