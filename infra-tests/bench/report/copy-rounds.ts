import { CEILING } from "../ceiling/clients.ts";
import { atLeast, type Goal } from "./goals.ts";
import { median, ratios } from "./statistics.ts";
import { figure, range, type Table } from "./table.ts";

const GOAL = 0.95;
/** Fewer say little, as the machine's speed changes from one minute to the next. */
const ROUNDS = 3;

/** The rates of a copy and of the bare loop, measured one after the other. Resources a second. */
export interface CopyRound {
  ours: number;
  theirs: number;
  /** True where both wrote equally many objects. */
  same: boolean;
}

/** All rounds at one size. */
export interface CopySize {
  size: number;
  rounds: readonly CopyRound[];
}

/** The copies of all sizes beside their ceilings. */
export function copyRoundsTable(sizes: readonly CopySize[]): Table {
  return {
    head: ["resources", "rounds", "pre-copy /s", `ceiling (${CEILING}) /s`, "ratio"],
    rows: sizes.map(({ size, rounds }) => [
      figure(size),
      figure(rounds.length),
      range(rounds.map(({ ours }) => ours)),
      range(rounds.map(({ theirs }) => theirs)),
      range(ratios(rounds), 2),
    ]),
  };
}

/** One goal for each size: the median of the ratios. */
export function copyGoals(sizes: readonly CopySize[]): Goal[] {
  return sizes.map(({ size, rounds }) =>
    atLeast(
      `speed of the pre-copy over that of the bare loop, ${figure(size)} resources`,
      rounds.length > 0 && rounds.every(({ same }) => same) ? median(ratios(rounds)) : NaN,
      GOAL,
    ),
  );
}

/** How the figures are to be read. */
export function copyNotes(sizes: readonly CopySize[]): string[] {
  const all = sizes.flatMap(({ rounds }) => rounds);
  const few = sizes.filter(({ rounds }) => rounds.length < ROUNDS).map(({ size }) => figure(size));
  return [
    "each: smallest / median / largest of the rounds; a ratio is that of one round",
    ...(all.every(({ same }) => same)
      ? []
      : ["the bare loop and the migrator did not write equally many objects: no verdict"]),
    ...(few.length === 0 ? [] : [`fewer than ${ROUNDS} rounds, so that chance decides: ${few.join(", ")}`]),
  ];
}
