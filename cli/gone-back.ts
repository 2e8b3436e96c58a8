import type { Failure } from "../shared/engine/records.ts";

const RESUME = /`(?:calico-migrator )?resume`/g;
const OR_BACK = /[,;]? or (?:undo the (?:run|restore)|go back) with `(?:rollback|abort)`/g;
/** What comes after it is still to be done. */
const BACK_FIRST = /\b([Uu])ndo (?:the|this) (?:run|restore) with `(?:rollback|abort)`(?:,|:| and) (\w)/g;
/** An undone run has no two sides any more to compare. */
const LOOK = /Look at `calico-migrator diff [^`]*`[,;] (\w)/g;
/** Nobody reaches native objects under the names that a run had opened. */
const NAMES = / By the names under which kubectl reaches them now: `[^`]*`(; `[^`]*`)*\./g;

/**
 * Why a run has gone back by itself, with advice for afterwards: what was advised while it stood still names commands that can do
 * nothing any more.
 */
export function failureGoneBack({ next, ...failure }: Failure): Failure {
  const mend = next
    .replaceAll(LOOK, (_, then: string) => then.toUpperCase())
    .replaceAll(NAMES, "")
    .replaceAll(OR_BACK, "")
    .replaceAll(BACK_FIRST, (_, undo: string, then: string) => (undo === "U" ? then.toUpperCase() : then))
    .replaceAll(RESUME, "start again");
  const again = /\bstart again\b/.test(mend) ? "" : " Then start again.";
  return { ...failure, next: `Everything is undone. ${mend}${again}` };
}
