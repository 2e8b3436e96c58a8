import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ADAPTERS } from "./testing/advice/adapters.ts";
import { CLI } from "./testing/advice/cli.ts";
import { codesFromElsewhere, errorsInCode, type Followed, ROOT } from "./testing/advice/errors.ts";
import { ETCD } from "./testing/advice/etcd.ts";
import { KUBERNETES } from "./testing/advice/kubernetes.ts";
import { RUNS } from "./testing/advice/runs.ts";
import { SERVICE } from "./testing/advice/service.ts";

const PARTS: readonly Followed[] = [ADAPTERS, CLI, ETCD, KUBERNETES, RUNS, SERVICE];

/** What only tells how it stands, so that there is nothing to follow. */
const NOTHING_TO_DO: readonly string[] = [
  "cli/commands/pause.ts RUN_ENDED",
  // Whoever calls it says what to do.
  "cli/failures.ts USAGE",
  // Defects, to be reported.
  "shared/calico/kinds.ts KIND_UNKNOWN",
  "shared/engine/backoff.ts INTERNAL",
  "shared/engine/engine.ts NOTHING_TO_APPROVE",
  "shared/engine/engine.ts NOTHING_TO_RESOLVE",
  "shared/engine/engine.ts RUN_ENDED",
  "shared/engine/engine.ts UNDO_ENDED 2",
  "shared/engine/errors.ts LEASE_LOST",
  "shared/engine/errors.ts RUN_CHANGED",
  // On the way back: what is gone needs no deletion.
  "shared/migrations/apiserver-to-crds/native-api.ts KUBERNETES_NOT_FOUND",
];

/** Where errors are made with codes that are said elsewhere: in a table, by a caller, or in another error. */
const FROM_ELSEWHERE: readonly string[] = [
  "cli/plan/preview.ts failure.code",
  "cli/runs.ts NONE_FITS",
  "shared/etcd/errors.ts rule.code",
  "shared/etcd/failover.ts last.code",
  "shared/kubernetes/answers.ts verdict.code",
  "shared/kubernetes/failures.ts code",
  "shared/kubernetes/stored-kubeconfig-fields.ts code",
  "shared/migrations/preflight/reports.ts code",
  "shared/migrations/target/lock.ts side.lockedByOther",
];

describe("what errors say to do", () => {
  test("stands in this catalogue once, each with a test that follows it, and nothing else does", () => {
    const known = [...PARTS.flatMap((rows) => Object.keys(rows)), ...NOTHING_TO_DO];
    assert.deepEqual(known.toSorted(), errorsInCode().toSorted());
  });

  test("is of a code that is seen: each is written where it can be found", () => {
    assert.deepEqual(codesFromElsewhere(), FROM_ELSEWHERE);
  });

  for (const [error, [file, title]] of PARTS.flatMap((rows) => Object.entries(rows)))
    test(`is followed: ${error}`, () => {
      const text = readFileSync(join(ROOT, file), "utf8");
      assert.ok(text.includes(title), `${file} has no test of this title`);
      assert.ok(text.includes(error.split(" ")[1] ?? ""), `${file} does not bring it about`);
    });
});
