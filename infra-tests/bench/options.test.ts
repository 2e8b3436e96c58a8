import assert from "node:assert/strict";
import { test } from "node:test";
import { MigratorError } from "../../shared/errors.ts";
import {
  CRDS_MEASUREMENTS,
  MEASUREMENTS,
  parseAwsOptions,
  parseCrdsOptions,
  parseOptions,
  targetOf,
} from "./options.ts";

test("without options everything is measured, at the sizes of the goals", () => {
  const options = parseOptions(["etcd"]);
  assert.deepEqual(options, {
    only: MEASUREMENTS,
    sizes: [1000, 10_000, 50_000],
    resources: 10_000,
    rounds: 3,
    out: "bench-results",
  });
});

test("what is given goes before what --quick stands for", () => {
  const options = parseOptions(["etcd", "--quick", "--sizes", "500,200", "--only", "memory,copy"]);
  assert.deepEqual(options.sizes, [200, 500]);
  assert.deepEqual(options.only, ["copy", "memory"]);
  assert.equal(options.rounds, 1);
  assert.notEqual(options.out, parseOptions(["etcd"]).out);
});

test("the migration to native CRDs has measurements of its own", () => {
  assert.equal(targetOf(["crds"]), "crds");
  const options = parseCrdsOptions(["crds", "--sizes", "1000"]);
  assert.deepEqual([options.only, options.sizes, options.resources], [CRDS_MEASUREMENTS, [1000], 10_000]);
  assert.deepEqual(parseCrdsOptions(["crds", "--only", "comparison"]).only, ["comparison"]);
  assert.throws(() => parseCrdsOptions(["crds", "--only", "calicoctl"]));
  assert.throws(() => parseOptions(["etcd", "--only", "upstream"]));
});

test("the deployed service has a size and hops of its own", () => {
  assert.equal(targetOf(["aws", "--quick"]), "aws");
  assert.equal(targetOf(["etcd"]), "etcd");
  assert.deepEqual(parseAwsOptions(["aws"]), { resources: 2000, rounds: 3, hops: 20, out: "bench-results" });
  const quick = parseAwsOptions(["aws", "--quick", "--hops", "3"]);
  assert.deepEqual([quick.rounds, quick.hops], [1, 3]);
});

for (const argv of [["aws", "--only", "copy"], ["aws", "--hops", "0"], ["etcd"]]) {
  test(`"${argv.join(" ")}" is refused for the deployed service`, () => {
    assert.throws(
      () => parseAwsOptions(argv),
      (error) => error instanceof MigratorError && error.code === "USAGE" && error.next.startsWith("usage:"),
    );
  });
}

for (const argv of [
  [],
  ["aws"],
  ["etcd", "--hops", "3"],
  ["fleet"],
  ["etcd", "--only", "speed"],
  ["etcd", "--sizes", "1000,0"],
  ["etcd", "--rounds", "1.5"],
  ["etcd", "--fast"],
]) {
  test(`"${argv.join(" ")}" is refused with the usage`, () => {
    assert.throws(
      () => parseOptions(argv),
      (error) => error instanceof MigratorError && error.code === "USAGE" && error.next.startsWith("usage:"),
    );
  });
}
