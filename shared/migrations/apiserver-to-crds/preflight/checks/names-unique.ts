import { block, type Check, pass } from "../check.ts";

/** No two objects become one. */
export const namesUnique: Check = {
  id: "names-unique",
  title:
    "no two objects of the old group become the same native one (`default.foo` and `foo`; handles that differ by case)",
  why: "Only one of them could be copied, and which of them is in force is not for a program to decide.",
  severity: "blocking",
  fix: "Rename or delete one of each two in the old group, or leave one out by name with --skip, of `start`, or of `resume` where the run has begun: a loss to approve.",
  judge: ({ objects: { colliding } }) =>
    colliding.count === 0
      ? pass("none do")
      : block(`${colliding.count} collide, among them ${colliding.first[0] ?? "?"}`, {
          items: colliding.first,
        }),
};
