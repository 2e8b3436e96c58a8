/** A figure that was to be reached, and whether it was. */
export interface Goal {
  text: string;
  value: number;
  limit: number;
  direction: "at least" | "at most";
  met: boolean;
}

/** A goal for a figure that should be large. */
export function atLeast(text: string, value: number, limit: number): Goal {
  return { text, value, limit, direction: "at least", met: value >= limit };
}

/** A goal for a figure that should be small. */
export function atMost(text: string, value: number, limit: number): Goal {
  return { text, value, limit, direction: "at most", met: value <= limit };
}

/** The goal in one line, ending in `met`, `missed`, or `no verdict` where the figure could not be measured (NaN). */
export function goalLine({ text, value, limit, direction, met }: Goal): string {
  if (Number.isNaN(value)) return `goal: ${text} (${direction} ${limit}): no verdict`;
  return `goal: ${text}: ${value.toFixed(2)} (${direction} ${limit}): ${met ? "met" : "missed"}`;
}
