import assert from "node:assert/strict";
import { test } from "node:test";
import { MigratorError } from "../../shared/errors.ts";
import { MEASUREMENTS, parseOptions } from "./options.ts";

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

for (const argv of [
  [],
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
