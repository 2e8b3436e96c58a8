import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CHECKS as FOLLOWED, NOT_FOLLOWED } from "../testing/advice/checks.ts";
import { ROOT } from "../testing/advice/errors.ts";
import { CHECKS as NATIVE } from "./apiserver-to-crds/preflight/catalogue.ts";
import { RESTORE_CHECKS } from "./backup/restore/preflight/checks.ts";
import { CHECKS as ETCD } from "./etcd-to-kubernetes/preflight/catalogue.ts";

/** What a run was started with is kept with it: a resume reads no other file, and takes no other option than what is left out. */
const OF_THE_START = /--(?!approve-|skip\b|type=)[a-z-]+|\bkubeconfig\b/;
const NEW_RUN = /\bstart again\b|\brestore (again|anew|with)\b/i;

describe("what a check says to do", () => {
  for (const { id, fix } of [...ETCD, ...NATIVE, ...RESTORE_CHECKS])
    test(`is a new run where it is about what a run was started with: ${id}`, () => {
      if (OF_THE_START.test(fix)) assert.match(fix, NEW_RUN);
    });
});

describe("what each check says to do", () => {
  const all = { "etcd-to-kubernetes": ETCD, "apiserver-to-crds": NATIVE, restore: RESTORE_CHECKS } as const;

  for (const migration of ["etcd-to-kubernetes", "apiserver-to-crds", "restore"] as const) {
    test(`has a test that follows it, or is named as followed by none: ${migration}`, () => {
      const unfollowed = NOT_FOLLOWED.filter((one) => one.startsWith(`${migration} `));
      const known = [
        ...Object.keys(FOLLOWED[migration]),
        ...unfollowed.map((one) => one.slice(migration.length + 1)),
      ];
      assert.deepEqual(known.toSorted(), all[migration].map(({ id }) => id).toSorted());
    });

    for (const [id, [file, title]] of Object.entries(FOLLOWED[migration]))
      test(`is followed: ${id} of ${migration}`, () => {
        const text = readFileSync(join(ROOT, file), "utf8");
        assert.ok(text.includes(title), `${file} has no test of this title`);
        // A title that is true of several checks is that of a table, which names them.
        const others = Object.values(FOLLOWED[migration]).filter(
          (one) => one[0] === file && one[1] === title,
        );
        assert.ok(others.length === 1 || text.includes(`"${id}"`), `${file} does not bring it about`);
      });
  }
});
